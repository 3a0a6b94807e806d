# Scripts as they are sent: without comments, and without spaces and line ends that say nothing. Names and texts stay as they are.
# What lies in quotes of one kind holds none of that kind, so templates do not stand inside templates.
{ sub(/^ +/, "") }
/^\/\*/ { away = 1 }
away { if (/\*\/$/) away = 0; next }
{
    out = ""
    quote = ""
    for (i = 1; i <= length($0); i++) {
        c = substr($0, i, 1)
        after = substr($0, i + 1, 1)
        before = substr(out, length(out), 1)
        if (quote != "" && c == "\\") { out = out c after; i++; continue }
        if (quote != "") { if (c == quote) quote = "" }
        else if (c == "\"" || c == "`") quote = c
        else if (c == "/" && after == "/") break
        else if (c == " " && after != before && !(before ~ /[A-Za-z0-9_$]/ && after ~ /[A-Za-z0-9_$]/)) continue
        out = out c
    }
    if (out != "") printf "%s%s", out, out ~ /[;{,(]$/ ? "" : "\n"
}

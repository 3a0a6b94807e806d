-- What the service's pages need beyond the site's words.

-- A span of time as people say it: "40 s", "25 min", "3 h", "2 d".
function span(s)
    if s < 90 then return format("%.0f s", s) end
    if s < 5400 then return format("%.0f min", s / 60) end
    if s < 172800 then return format("%.0f h", s / 3600) end
    return format("%.0f d", s / 86400)
end

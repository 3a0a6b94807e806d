#!/bin/sh
# The service behind a real nginx on loopback, by script/deploy/nginx.conf with its addresses changed: what it hands on, what
# it refuses, whom the service takes a client for, and the socket that systemd would hand over.
. "$(dirname "$0")/lib.sh"
nginx=$(command -v nginx || command -v /usr/sbin/nginx || true)
[ -n "$nginx" ] || { echo 'skipped: nginx is not installed'; exit 77; }

"$ASSAY" db init >/dev/null
mkdir -p "$tmp/site" "$tmp/nginx"
echo '<!doctype html>front' >"$tmp/site/index.html"
echo '<!doctype html>none' >"$tmp/site/404.html"
[ "$(id -u)" != 0 ] || chmod 755 "$tmp/site"
background serve "$ASSAY" serve --listen "unix:$tmp/serve.sock" --proxy unix --base-url https://board.example.org --anonymous \
    --hub http://127.0.0.1:9 --rate-address 2
server=$pid
wait_for 'the service listens' test -S "$tmp/serve.sock"
chmod 666 "$tmp/serve.sock"

port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
sed -e "s|unix:/run/assay/serve.sock;.*|unix:$tmp/serve.sock;|" -e "s|listen 443.*|listen 127.0.0.1:$port;|" \
    -e '/# test: no TLS/d' -e "s|root /srv/assay/site;.*|root $tmp/site;|" "$top/script/deploy/nginx.conf" >"$tmp/nginx/site.conf"
cat >"$tmp/nginx/nginx.conf" <<END
daemon off; worker_processes 1; pid $tmp/nginx/pid; error_log $tmp/nginx.log; user $(id -un);
events { worker_connections 256; }
http { access_log off; client_body_temp_path $tmp/nginx/b; proxy_temp_path $tmp/nginx/p; fastcgi_temp_path $tmp/nginx/f;
    uwsgi_temp_path $tmp/nginx/u; scgi_temp_path $tmp/nginx/s; include $tmp/nginx/site.conf; }
END
code 'nginx takes the example' 0 "$nginx" -t -c "$tmp/nginx/nginx.conf"
background nginx_main "$nginx" -c "$tmp/nginx/nginx.conf"
front=$pid
U=http://127.0.0.1:$port
export U
listens() { python3 -c "import socket; socket.create_connection(('127.0.0.1', $port))"; }
wait_for 'nginx listens' listens

py 'it hands on what is the services, and serves the site' '
import http.client, os
def ask(method, path, body=None, headers={}):
    c = http.client.HTTPConnection(os.environ["U"].split("//")[1], timeout=60)
    c.request(method, path, body, headers)
    r = c.getresponse()
    return r.status, {k.lower(): v for k, v in r.getheaders()}, r.read().decode()
J = {"Content-Type": "application/json"}
good = json.dumps({"model": "org/name", "suite": "wordnet"})
assert ask("GET", "/healthz")[0] == 200 and ask("GET", "/readyz")[0] == 200
status, h, text = ask("GET", "/")
assert status == 200 and "front" in text and "max-age" in h["strict-transport-security"] and "script-src" in h["content-security-policy"]
assert ask("GET", "/nothing")[0] == 404
status, h, text = ask("GET", "/submit")
assert status == 200 and "Submit a model" in text and "Secure" in h["set-cookie"], "the base is https"
status, h, text = ask("POST", "/api/v1/submissions", good, dict(J, **{"X-Forwarded-For": "6.6.6.6"}))
assert status == 202 and h["location"] == "/api/v1/submissions/1", (status, text)
assert ask("POST", "/api/v1/submissions", "x" * 20000, J)[0] == 413, "refused in front"
assert ask("GET", "/queue")[0] == 200 and ask("GET", "/queue/")[0] == 200 and ask("GET", "/submissions/1")[0] == 200
assert ask("GET", "/submissions.atom")[0] == 200 and ask("GET", "/service/site.css")[0] == 200 and ask("GET", "/api")[0] == 200
got = [ask("POST", "/api/v1/submissions", good, dict(J, **{"X-Forwarded-For": f"6.6.6.{i}"}))[0] for i in range(3)]
assert got == [202, 429, 429], (got, "a client is who nginx saw, whatever it says")
'
has 'the log has the address that nginx saw' 'addr=127.0.0.1' "$tmp/serve.log"
! grep -q '6.6.6' "$tmp/serve.log" || fail 'a made-up address was believed'

kill -TERM "$server"
wait "$server" || fail "the service ended with code $?"
py 'a service that is down is a bad gateway, and the site stays' '
import http.client, os
def ask(path):
    c = http.client.HTTPConnection(os.environ["U"].split("//")[1], timeout=60)
    c.request("GET", path)
    return c.getresponse().status
assert ask("/queue") == 502 and ask("/") == 200'
kill -TERM "$front"
wait "$front" 2>/dev/null || true

# As systemd hands a socket over: descriptor 3, with LISTEN_FDS and the process's own number.
cat >"$tmp/hand_over.py" <<'END'
import os, socket, sys
s = socket.socket(socket.AF_UNIX)
s.bind(sys.argv[1])
s.listen(16)
if s.fileno() != 3: os.dup2(s.fileno(), 3)
os.set_inheritable(3, True)
os.environ.update(LISTEN_FDS="1", LISTEN_PID=str(os.getpid()))
os.execv(sys.argv[2], sys.argv[2:])
END
background handed python3 "$tmp/hand_over.py" "$tmp/handed.sock" "$ASSAY" serve --listen systemd
server=$pid
wait_for 'the socket is there' test -S "$tmp/handed.sock"
py 'a socket that was handed over is served' 'import socket
s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); s.settimeout(120); s.sendall(b"GET /readyz HTTP/1.0\r\n\r\n")
assert s.recv(1000).startswith(b"HTTP/1.1 200")' "$tmp/handed.sock"
kill -TERM "$server"
wait "$server" || fail "it ended with code $?"
[ -S "$tmp/handed.sock" ] || fail 'it removed a socket that is systemds'
ok 'and left to whoever handed it over'
finish

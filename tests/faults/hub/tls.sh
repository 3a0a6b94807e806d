#!/bin/sh
# Certificates: one that is good is taken, others are not, and nothing switches that off.
. "$(dirname "$0")/lib.sh"
command -v openssl >/dev/null || skip 'openssl is not here'
cd "$tmp"
mkdir www
ca() { openssl req -x509 -newkey rsa:2048 -nodes -keyout "$1.key" -out "$1.pem" -days 30 -subj "/CN=$1" >/dev/null 2>&1; }
# cert NAME HOST CA DAYS: NAME.pem for HOST
cert() {
    openssl req -newkey rsa:2048 -nodes -keyout "$1.key" -out "$1.csr" -subj "/CN=$2" >/dev/null 2>&1
    printf 'subjectAltName=DNS:%s' "$2" >"$1.ext"
    openssl x509 -req -in "$1.csr" -CA "$3.pem" -CAkey "$3.key" -CAcreateserial -days "$4" -extfile "$1.ext" -out "$1.pem" >/dev/null 2>&1
}
ca good_ca
cert good localhost good_ca 30
cert other elsewhere.example good_ca 30
openssl req -x509 -newkey rsa:2048 -nodes -keyout self.key -out self.pem -days 30 -subj /CN=localhost -addext subjectAltName=DNS:localhost >/dev/null 2>&1
# A certificate that ran out: x509 has no past dates, ca has.
mkdir demo
: >demo/index.txt
echo 01 >demo/serial
printf '[ca]\ndefault_ca=d\n[d]\ndatabase=demo/index.txt\nserial=demo/serial\nnew_certs_dir=demo\ndefault_md=sha256\npolicy=p\n[p]\ncommonName=supplied\n' >demo/cnf
cp good.csr old.csr
cp good.key old.key
openssl ca -batch -config demo/cnf -cert good_ca.pem -keyfile good_ca.key -in old.csr -out old.pem -startdate 20200101000000Z \
    -enddate 20200201000000Z -extfile good.ext >/dev/null 2>&1 || fail 'no certificate of the past could be made'

export SSL_CERT_FILE="$tmp/good_ca.pem" HF_HUB_ETAG_TIMEOUT=5
try() {
    port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
    (cd www && exec openssl s_server -accept "127.0.0.1:$port" -cert "../$1.pem" -key "../$1.key" -WWW >../server.log 2>&1) &
    pids=$!
    wait_for grep -q ACCEPT server.log
    code "$2" "$assay" hub pull org/m --hub "https://localhost:$port"
    kill "$pids" 2>/dev/null || true
    wait "$pids" 2>/dev/null || true
    pids=''
    rm -f server.log
}
for bad in other self old; do
    try "$bad" 4
    grep -q 'could not prove who it is' err.log || fail "the certificate '$bad' was taken: $(cat err.log)"
done
try good 7 # what it answers is no hub's, but it is heard
grep -q 'could not prove who it is' err.log && fail 'a good certificate was refused'
unset SSL_CERT_FILE
export CURL_CA_BUNDLE="$tmp/self.pem"
try self 7
grep -q 'could not prove who it is' err.log && fail 'a certificate that is trusted by name was refused'
"$assay" hub pull --help | grep -qi 'insecure\|no-verify' && fail 'there is a way around certificates'
fault_held 64_a_hub_that_cannot_prove_who_it_is_is_refused

"""nginx as the reverse proxy before any server: it takes slow and hostile clients upon itself.

It reads a request whole before a server sees it, and takes the response off the server's hands; its
limits are the service's own.
"""

import os
from string import Template

from shared.downloads import STORED_BYTES
from shared.progress import LONGEST
from shared.settings import BACKLOG, KEEP_ALIVE_S, MAX_FIELD_BYTES, MAX_UPLOAD_BYTES, SILENT_TIMEOUT_S

UPSTREAM_KEEP_ALIVE_S = 1  # gunicorn's own, as it is shipped, is 2
SENT_BYTES = 1024 * 1024  # of which the kernel makes twice as much, and tells when a third of that is free
UNTOLD = (  # what servers would believe of where a request comes from, what it asks, and in whose name
    "Forwarded",
    "X-Forwarded-For",
    "X-Forwarded-Host",
    "X-Forwarded-Port",
    "X-Forwarded-Prefix",
    "X-Forwarded-Proto",
    "X-Forwarded-Protocol",
    "X-Forwarded-Ssl",
    "Script_Name",
    "Path_Info",
    "Remote_User",
)

CONFIGURATION = Template("""\
# run with: nginx -c this-file
$user
worker_processes auto;
worker_rlimit_nofile 65536;
daemon off;
pid {configuration}.pid;
error_log stderr error;
events { worker_connections 16384; }
http {
    access_log off;
    server_tokens off;
    client_body_temp_path {configuration}.body;
    proxy_temp_path {configuration}.proxy;
    fastcgi_temp_path {configuration}.fastcgi;
    uwsgi_temp_path {configuration}.uwsgi;
    scgi_temp_path {configuration}.scgi;

    client_header_timeout ${client_timeout_s}s;  # the whole head
    client_body_timeout ${client_timeout_s}s;    # between two reads
    send_timeout ${taking_timeout_s}s;           # between two writes: it cannot tell what is acknowledged
    reset_timedout_connection on;
    keepalive_timeout ${keep_alive_s}s;
    client_header_buffer_size 4k;
    large_client_header_buffers 2 $field_bytes;
    client_max_body_size $upload_bytes;
    merge_slashes off;
    ignore_invalid_headers off;  # they are refused

    map "$$server_protocol $$http_host" $$service_host {
        default $$http_host;
        "HTTP/1.0 " localhost;  # which need not name one; what is asked in its place is HTTP/1.1
    }
    upstream service {
        server $upstream;
        keepalive 32;
        keepalive_timeout ${upstream_keep_alive_s}s;  # ends before any server ends it
    }
    server {
        listen $host:$port backlog=$backlog sndbuf=$sent_bytes;  # writes to slow clients are not far between
        proxy_http_version 1.1;
        proxy_set_header Connection "";
        proxy_set_header Host $$service_host;
$untold
        proxy_pass_header X-Accel-Buffering;  # there may be another nginx before this one
        proxy_read_timeout ${server_timeout_s}s;  # as long as the slowest answer may be silent
        proxy_next_upstream off;                  # no request is sent twice
        proxy_buffers 16 32k;
        proxy_buffer_size 32k;
        proxy_busy_buffers_size 64k;
        proxy_max_temp_file_size $stored_bytes;   # larger files say that they are not to be stored
        location / {
            proxy_pass http://service;
        }
        location = /stream {  # as it comes
            proxy_pass http://service;
            proxy_buffering off;
        }
    }
}
""")


def proxy_configuration(
    upstream: str, host: str, port: int, client_timeout_s: float, upload_bytes: int = MAX_UPLOAD_BYTES
) -> str:
    """The text of a configuration file; whoever writes it puts its own path for `{configuration}`.

    `upstream`: host and port of the server; `client_timeout_s`: rounded up to whole seconds.
    """
    return CONFIGURATION.substitute(
        user="user root;" if os.geteuid() == 0 else "",  # else its server workers may not write their folders
        upstream=upstream,
        host=f"[{host}]" if ":" in host else host,
        port=port,
        backlog=BACKLOG,
        client_timeout_s=-int(-client_timeout_s // 1),
        keep_alive_s=KEEP_ALIVE_S,
        field_bytes=MAX_FIELD_BYTES + 4096,
        upload_bytes=upload_bytes,
        taking_timeout_s=-int(-client_timeout_s * LONGEST // 1),
        upstream_keep_alive_s=UPSTREAM_KEEP_ALIVE_S,
        sent_bytes=SENT_BYTES,
        stored_bytes=STORED_BYTES + 1024 * 1024,
        untold="\n".join(f'        proxy_set_header {name} "";' for name in UNTOLD),
        server_timeout_s=SILENT_TIMEOUT_S + 15,
    )

"""nginx as the reverse proxy before any server: it takes slow and hostile clients upon itself.

It reads a request whole before a server sees it, and takes the response off the server's hands; its
limits are the service's own.
"""

import os
from string import Template

from shared.settings import BACKLOG, KEEP_ALIVE_S, MAX_FIELD_BYTES, MAX_UPLOAD_BYTES, SILENT_TIMEOUT_S

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
    send_timeout ${client_timeout_s}s;           # between two writes
    reset_timedout_connection on;
    keepalive_timeout ${keep_alive_s}s;
    client_header_buffer_size 4k;
    large_client_header_buffers 2 $field_bytes;
    client_max_body_size $upload_bytes;
    merge_slashes off;
    ignore_invalid_headers off;  # they are refused

    upstream service {
        server $upstream;
        keepalive 32;
    }
    server {
        listen $host:$port backlog=$backlog;
        location / {
            proxy_pass http://service;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header Host $$http_host;
            proxy_read_timeout ${server_timeout_s}s;  # as long as the slowest answer may be silent
            proxy_next_upstream off;                  # no request is sent twice
            proxy_buffers 16 32k;
            proxy_buffer_size 32k;
            proxy_busy_buffers_size 64k;
        }
        location = /stream {  # as it comes
            proxy_pass http://service;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header Host $$http_host;
            proxy_read_timeout ${server_timeout_s}s;
            proxy_next_upstream off;
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
        server_timeout_s=SILENT_TIMEOUT_S + 15,
    )

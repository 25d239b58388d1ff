"""nginx as the yardstick for downloads: one configuration, from Debian's package, in the foreground."""

import os
from string import Template

CONFIGURATION = Template("""\
$user
worker_processes $processes;
daemon off;
pid {configuration}.pid;
error_log stderr warn;
events { worker_connections 4096; }
http {
    access_log off;
    server_tokens off;
    sendfile on;
    tcp_nopush on;
    keepalive_timeout ${keep_alive_s}s;
    keepalive_requests 1000000000;
    client_body_temp_path {configuration}.body;
    proxy_temp_path {configuration}.proxy;
    fastcgi_temp_path {configuration}.fastcgi;
    uwsgi_temp_path {configuration}.uwsgi;
    scgi_temp_path {configuration}.scgi;
    server {
        listen $host:$port backlog=2048;
        location = /health {
            default_type application/json;
            return 200 '{"status":"ok","application":"nginx"}';
        }
        location /files/ { alias $files/; }
    }
}
""")


def nginx_configuration(files: str, host: str, port: int, processes: int, keep_alive_s: int) -> str:
    """The text of a configuration file; whoever writes it puts its own path for `{configuration}`."""
    if any(character in files for character in "{};\"'\n\\$ "):
        raise ValueError(f"files is {files!r}; nginx can only be configured with a plain folder name.")
    return CONFIGURATION.substitute(
        user="user root;" if os.geteuid() == 0 else "",  # else its server workers may not read the files
        processes=processes,
        keep_alive_s=keep_alive_s,
        host=f"[{host}]" if ":" in host else host,
        port=port,
        files=files,
    )

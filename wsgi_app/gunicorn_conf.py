"""gunicorn's configuration: `gunicorn -c wsgi_app/gunicorn_conf.py wsgi_app:app`.

Worker class, processes, threads and address are gunicorn's own options (`-k`, `-w`, `--threads`, `-b`).
"""

from shared.settings import BACKLOG, GRACEFUL_TIMEOUT_S, KEEP_ALIVE_S

wsgi_app = "wsgi_app:app"
backlog = BACKLOG
keepalive = KEEP_ALIVE_S
graceful_timeout = GRACEFUL_TIMEOUT_S
timeout = 60
accesslog = None
loglevel = "warning"
limit_request_line = 8190  # the largest gunicorn allows; the application answers 414 below it
limit_request_field_size = 64 * 1024
limit_request_fields = 100
control_socket_disable = True

"""The shop as Django under WSGI."""

from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse

from . import core
from .asking import asked
from .django_views import answer, configure, routes


def stock(request: HttpRequest, number: str) -> HttpResponse:
    return answer(core.stock(number, asked(number)))


urlpatterns = routes(lambda view: view, stock)
configure(__name__)
app = get_wsgi_application()

"""Whether every value that the requests of a plan name is there when they need it (pure)."""

from collections.abc import Collection, Iterator
from difflib import get_close_matches

from loadtests.model.placeholders import names
from loadtests.subjects.own.requests import PlanLogin, PlanRequest, Workload, texts


def needs(request: PlanLogin) -> set[str]:
    """The names of all values that are filled into a request or into what its answer must have."""
    return {name for _, text in texts(request) for name in names(text)}


def check_workload(workload: Workload, columns: Collection[str], accounts: Collection[str]) -> None:
    """Hold names to what gives them; raises ValueError with one plain sentence.

    `columns` are those of the feed, `accounts` those of the logins.
    """
    if both := sorted(set(columns) & set(accounts)):
        raise ValueError(f"the column '{both[0]}' is in both feeds")
    if workload.accounts is not None and not workload.login:
        raise ValueError("accounts is the feed of the login: without a login, give a feed")
    known = set(accounts)
    for number, login in enumerate(workload.login):
        place = "login" if len(workload.login) == 1 else f"login[{number}]"
        _known(place, login, known, columns)
        known |= set(login.save)
    requests = _by_name(workload)
    known |= set(columns)
    saved = {name for request in workload.requests for name in request.save}
    for name in saved & (set(columns) | set(accounts)):
        raise ValueError(f"a request saves '{name}', which is a column of the feed")
    for request in workload.requests:
        _known(f"requests.{request.name}", request, known | saved, ())
        if request.then is not None and request.then not in requests:
            raise ValueError(
                f"requests.{request.name}.then: there is no request '{request.then}'"
                f"{_near(request.then, requests)}"
            )
    _chains(workload)
    _reachable(workload, known)


def _known(place: str, request: PlanLogin, known: Collection[str], others: Collection[str]) -> None:
    for key, text in texts(request):
        for name in names(text):
            if name in known:
                continue
            if name in others:
                raise ValueError(
                    f"{place}.{key}: {{{name}}} is of the feed of the requests; "
                    "a login takes its values from accounts"
                )
            hint = _near(name, known) or "; nothing gives any value: give a feed, or save one"
            raise ValueError(f"{place}.{key}: nothing gives a value to {{{name}}}{hint}")


def _near(name: str, known: Collection[str]) -> str:
    close = get_close_matches(name, sorted(known), 1, 0)
    return f"; the nearest is '{close[0]}'" if close else ""


def _by_name(workload: Workload) -> dict[str, PlanRequest]:
    found: dict[str, PlanRequest] = {}
    for request in workload.requests:
        if request.name in found:
            raise ValueError(f"two requests are called '{request.name}': give each a name of its own")
        found[request.name] = request
    return found


def weights(workload: Workload) -> dict[str, int]:
    """By name; where none is given it is 1, and 0 for what only follows another."""
    followers = {request.then for request in workload.requests}
    return {
        request.name: request.weight if request.weight is not None else int(request.name not in followers)
        for request in workload.requests
    }


def chain(workload: Workload, name: str) -> Iterator[PlanRequest]:
    """A request and those that follow it."""
    following: str | None = name
    while following is not None:
        request = workload.request(following)
        yield request
        following = request.then


def _chains(workload: Workload) -> None:
    limit = len(workload.requests)
    for request in workload.requests:
        for length, _ in enumerate(chain(workload, request.name), 1):
            if length > limit:
                raise ValueError(f"requests.{request.name}.then leads back to where it began")
    chosen = weights(workload)
    if not any(chosen.values()):
        raise ValueError("no request has a weight above 0")
    asked = {link.name for name, weight in chosen.items() if weight for link in chain(workload, name)}
    for request in workload.requests:
        if request.name not in asked:
            raise ValueError(
                f"requests.{request.name} has the weight 0 and follows no other: it is never sent"
            )


def missing(workload: Workload, name: str, known: Collection[str]) -> set[str]:
    """What a request and those that follow it still need before it can be sent."""
    have, lacking = set(known), set[str]()
    for link in chain(workload, name):
        lacking |= needs(link) - have
        have |= set(link.save)
    return lacking


def _reachable(workload: Workload, known: Collection[str]) -> None:
    """Users begin with requests that need no saved value: each has to become possible some time."""
    have, left = set(known), [name for name, weight in weights(workload).items() if weight]
    while left:
        ready = [name for name in left if not missing(workload, name, have)]
        if not ready:
            name = left[0]
            lacking = sorted(missing(workload, name, have))[0]
            raise ValueError(
                f"requests.{name} needs {{{lacking}}}, which is saved only after it: "
                "no user could ever send it"
            )
        for name in ready:
            have |= {saved for link in chain(workload, name) for saved in link.save}
        left = [name for name in left if name not in ready]

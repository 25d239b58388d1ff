"""The service that a face asks: settings, catalogue and pools, made once per server process."""

from dataclasses import dataclass

from shared.catalogue import Catalogue
from shared.corpus import ensure_corpus
from shared.digests import DigestStore
from shared.hashing import Hashers
from shared.pools import Executors, Pools
from shared.settings import Settings, default_files, read_settings
from shared.uploads import sweep


@dataclass(frozen=True)
class Service:
    settings: Settings
    catalogue: Catalogue
    pools: Pools


def make_service(settings: Settings | None = None, executors: Executors = Executors()) -> Service:  # noqa: B008  frozen
    """Build the service in the process that will serve, never before a fork."""
    settings = settings or read_settings()
    if settings.files == default_files().resolve():
        ensure_corpus(settings.files)
    digests = DigestStore(settings.state, executors.lock)
    hashers = Hashers(digests, executors.lock, executors.start)
    catalogue = Catalogue(settings.files, digests, settings.kept_bytes, settings.digested_bytes, hashers)
    sweep(catalogue)
    return Service(settings, catalogue, Pools(settings.pool_size, executors))

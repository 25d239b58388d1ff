"""The scenarios that move files in other ways than whole and from memory, as Locust users."""

import dataclasses
import os
from base64 import b64encode
from hashlib import sha256
from typing import Any

from loadtests.generator.users import WireUser
from loadtests.load.asks import ETAG, Ask, download
from loadtests.load.expected import Unprepared
from loadtests.wire.message import file_path
from shared.settings import SettingError, read_token

KIB = 1024
UPLOADED_FILES = 16


class Range(WireUser):
    scenario = "range"

    @classmethod
    def asks(cls, parameters: dict[str, Any]) -> list[Ask]:
        first = parameters["offset_kib"] * KIB
        end = first + max(1, parameters["range_kib"] * KIB)
        whole = download(parameters["path"])
        return [
            dataclasses.replace(
                whole,
                name=f"{whole.name} range",
                headers=(("Range", f"bytes={first}-{end - 1}"),),
                statuses=(206,),
                span=(first, end),
            )
        ]


class Resume(WireUser):
    """Two requests, the second right after the first; what each of them read is compared with the file."""

    scenario = "resume"

    @classmethod
    def asks(cls, parameters: dict[str, Any]) -> list[Ask]:
        cut = max(1, parameters["cut_kib"] * KIB)
        whole = download(parameters["path"])
        rest = dataclasses.replace(
            whole,
            name=f"{whole.name} resumed",
            headers=(("Range", f"bytes={cut}-"), ("If-Range", ETAG)),
            statuses=(206,),
            span=(cut, None),
        )
        return [dataclasses.replace(whole, name=f"{whole.name} cut", cut=cut, then=rest)]


class Conditional(WireUser):
    scenario = "conditional"

    @classmethod
    def asks(cls, parameters: dict[str, Any]) -> list[Ask]:
        address = file_path(parameters["path"])
        headers = (("If-None-Match", ETAG),)
        return [Ask(1, "GET", address, f"{address} unchanged", headers, check="body", statuses=(304,))]


class DownloadCold(WireUser):
    scenario = "download-cold"

    @classmethod
    def asks(cls, parameters: dict[str, Any]) -> list[Ask]:
        return [dataclasses.replace(download(parameters["path"]), cold=True)]


class Upload(WireUser):
    """PUT of one body under a few addresses, so that users seldom wait for each other's file."""

    scenario = "upload"

    @classmethod
    def asks(cls, parameters: dict[str, Any]) -> list[Ask]:
        try:
            token = read_token(os.environ)
        except SettingError as mistake:
            raise Unprepared(str(mistake)) from None
        if token is None:
            raise Unprepared("uploads need a token: set TWINS_TOKEN to that of the server.")
        body = os.urandom(parameters["upload_kib"] * KIB)
        digest = b64encode(sha256(body).digest()).decode()
        headers = (("Authorization", f"Bearer {token}"), ("Content-Digest", f"sha-256=:{digest}:"))
        return [
            Ask(
                1,
                "PUT",
                f"/files/twins-load/{number:02}.bin",
                "/files/twins-load",
                headers,
                body,
                statuses=(201, 204),
                upload=True,
            )
            for number in range(UPLOADED_FILES)
        ]


class Churn(WireUser):
    scenario = "churn"

    @classmethod
    def asks(cls, parameters: dict[str, Any]) -> list[Ask]:
        return [dataclasses.replace(download(parameters["path"]), close=True)]

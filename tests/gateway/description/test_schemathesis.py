"""The doors held against their own description by a program that knows nothing else of them.

`BWX_SIM_CASES` says how many requests of each operation are made, as many right as wrong ones. Without it there is one
that is right, since wrong ones take far longer to make; nearly right ones are the fuzzer's.
"""

import asyncio
import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor

import requests
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.gateway.description.test_openapi import ALL_ROLES
from tests.gateway.doors import signed_headers

CASES = int(os.environ.get("BWX_SIM_CASES", "1"))
MODES = list(GenerationMode) if "BWX_SIM_CASES" in os.environ else [GenerationMode.POSITIVE]
CHECKS = [status_code_conformance, content_type_conformance, response_schema_conformance]
UNHURRIED = {"account_weight_per_s": 10**6, "account_weight_burst": 10**6}
UNHURRIED |= {"sequence_wait_s": 0.01}
UNHURRIED |= {"address_weight_per_s": 10**6, "address_weight_burst": 10**6, "attempts_per_address_burst": 10**6}
OPENS_A_SOCKET = "/v1/ws"


async def test_no_request_that_fits_the_description_is_answered_otherwise(serve):
    async with serve(**UNHURRIED) as doors:
        key = await doors.account("alice", ALL_ROLES)
        async with doors.http.get(f"{doors.url}/v1/openapi.json") as response:
            document = await response.json()
        # It reads source code as it works, which the interpreter cannot do in two threads: it has a process of its own.
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as process:
            statuses = await asyncio.wrap_future(process.submit(run_all, document, doors.url, key))
        assert doors.exchange.phase in ("trading", "halted")
    assert len(statuses) == sum(map(len, document["paths"].values())) - 1
    assert any(200 in found or 201 in found for found in statuses.values())
    assert all(found and found.isdisjoint({500, 501, 502}) for found in statuses.values()), statuses


def run_all(document, url, key):
    """Every operation with valid and with invalid requests; the statuses that each was answered with."""
    schema = schemathesis.openapi.from_dict(document)
    statuses = {}
    with requests.Session() as session:
        for result in schema.get_all_operations():
            operation = result.ok()
            if operation.path != OPENS_A_SOCKET:
                for mode in MODES:
                    found = statuses.setdefault(operation.label, set())
                    found |= run(operation, mode, session, url, key)
    return statuses


def run(operation, mode, session, url, key):
    found = set()

    @settings(
        max_examples=CASES, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck)
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def check(case):
        response = session.send(signed(case, url, key))
        found.add(response.status_code)
        case.validate_response(response, checks=CHECKS)

    try:
        check()
    except Exception as error:
        # Of an operation without anything to vary there is no wrong request.
        if type(error).__name__ not in ("Unsatisfiable", "FailedHealthCheck"):
            raise AssertionError(f"{operation.label}: {error}") from error
    return found


def signed(case, url, key):
    """The request as it will be sent, with the headers that sign its path and its body."""
    given_kwargs = case.as_transport_kwargs(base_url=url)
    names = ("method", "url", "headers", "params", "json", "data")
    request = requests.Request(**{name: given_kwargs[name] for name in names if name in given_kwargs}).prepare()
    body = request.body or b""
    payload = body.encode() if isinstance(body, str) else body
    request.headers.update(signed_headers(key, request.method, request.path_url, payload))
    return request

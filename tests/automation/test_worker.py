"""The worker: each event arrives, whatever fails in between, and two workers share the work."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from gitstore.automation.place import LocalPlace
from gitstore.automation.worker import Worker
from gitstore.disk.processes import identify, is_alive
from gitstore.errors import BadSettings
from gitstore.events import journal
from gitstore.models import alias as aliases
from gitstore.models import reference
from gitstore.models.model import Model
from gitstore.outbox import deliveries, listing
from gitstore.outbox.events import EvaluationFailed
from gitstore.outbox.listing import StoredEvent
from gitstore.records import evaluations
from tests.support import models, scenes
from tests.support.receiver import SECRET, Receiver, receiving

SECOND = 1_000_000


@pytest.fixture
def model(tmp_path: Path) -> Model:
    model = Model.open(scenes.snapshot(tmp_path).repository.directory)
    journal.create(model.repository)
    return model


def rules(model: Model, *lines: str) -> None:
    text = "automation:\n" + "".join(f"  - {line}\n" for line in lines)
    (model.repository.common / "automation.yaml").write_text(text)


def hook(receiver: Receiver, *, on: str = "snapshot.created", more: str = "") -> str:
    action = f'{{url: "{receiver.url}", secret: {SECRET}, allow_private: true, timeout: 5s}}'
    return f"{{name: hook, on: [{on}], webhook: {action}{more}}}"


def worker(model: Model, clock: Callable[[], int] = journal.read_clock, lease: float = 60.0) -> Worker:
    return Worker(LocalPlace(model.repository), lease=lease, clock=clock)


def events(model: Model) -> list[StoredEvent]:
    with journal.opened(model.repository) as connection:
        return listing.list_events(connection)


def outcomes(event: StoredEvent) -> list[str | None]:
    return [attempt.outcome for delivery in event.deliveries for attempt in delivery.log]


def test_a_webhook_is_signed_and_tells_all(model: Model) -> None:
    with receiving() as receiver:
        rules(model, hook(receiver))
        taken = models.take(model, "v2", "second")
        assert worker(model).work_once() == 1
        assert worker(model).work_once() == 0
    (stored,) = events(model)
    (event,) = receiver.events
    assert receiver.ids == [stored.id]
    assert (event["specversion"], event["id"]) == ("1.0", stored.id)
    assert event["type"] == "org.gitstore.snapshot.created"
    assert event["source"] == model.repository.common.as_uri()
    assert event["subject"] == "digits v2"
    assert event["data"]["tag"] == str(taken.tag_oid)
    assert event["data"]["message"] == "second"
    assert outcomes(stored) == ["delivered"]


def test_what_fails_is_tried_again_later(model: Model) -> None:
    now = [journal.read_clock()]
    with receiving(Receiver(answer=lambda number: (503 if number < 3 else 204, {}))) as receiver:
        rules(model, hook(receiver))
        models.take(model, "v2")
        counts = []
        for _ in range(4):
            counts.append(worker(model, lambda: now[0]).work_once())
            now[0] += 20 * SECOND
    assert counts == [1, 1, 1, 0]
    assert len(receiver.events) == 1
    (stored,) = events(model)
    assert outcomes(stored) == ["failed", "failed", "delivered"]
    assert stored.deliveries[0].log[0].detail == "503 Service Unavailable"


def test_a_receiver_can_ask_for_more_time(model: Model) -> None:
    now = [journal.read_clock()]
    with receiving(Receiver(answer=lambda _: (429, {"Retry-After": "100"}))) as receiver:
        rules(model, hook(receiver))
        models.take(model, "v2")
        worker(model, lambda: now[0]).work_once()
    assert events(model)[0].deliveries[0].due == now[0] + 100 * SECOND


@pytest.mark.parametrize(
    ("status", "detail"),
    [(302, "302 Found: redirects are not followed"), (410, "410 Gone: the receiver wants no more of it")],
)
def test_what_will_not_work_is_not_tried_again(model: Model, status: int, detail: str) -> None:
    with (
        receiving() as other,
        receiving(Receiver(answer=lambda _: (status, {"Location": other.url}))) as receiver,
    ):
        rules(model, hook(receiver))
        models.take(model, "v2")
        assert worker(model).work_once() == 1
    (delivery,) = events(model)[0].deliveries
    assert (delivery.state, delivery.log[0].detail, other.requests) == ("failed", detail, 0)


def test_attempts_have_a_limit(model: Model) -> None:
    now = [journal.read_clock()]
    with receiving(Receiver(answer=lambda _: (500, {}))) as receiver:
        rules(model, hook(receiver, more=", attempts: 2"))
        models.take(model, "v2")
        for _ in range(4):
            worker(model, lambda: now[0]).work_once()
            now[0] += 3600 * SECOND
    (delivery,) = events(model)[0].deliveries
    assert (delivery.state, delivery.attempts) == ("failed", 2)


def test_a_private_address_is_refused_unless_allowed(model: Model) -> None:
    with receiving() as receiver:
        rules(model, hook(receiver).replace("allow_private: true", "allow_private: false"))
        models.take(model, "v2")
        worker(model).work_once()
    (delivery,) = events(model)[0].deliveries
    assert delivery.state == "failed"
    assert "allow_private" in (delivery.log[0].detail or "")
    assert receiver.requests == 0


def test_a_secret_in_a_file(model: Model, tmp_path: Path) -> None:
    with receiving() as receiver:
        rules(model, hook(receiver).replace(f"secret: {SECRET}", f"secret_file: {tmp_path}/secret"))
        models.take(model, "v2")
        worker(model).work_once()
        (tmp_path / "secret").write_text(f"{SECRET}\n")
        with journal.opened(model.repository) as connection:
            deliveries.queue_again(connection, events(model)[0].id, now=0)
        worker(model).work_once()
    assert len(receiver.events) == 1
    assert "cannot be read" in (events(model)[0].deliveries[0].log[0].detail or "")


def test_a_rule_that_is_gone_or_invalid(model: Model) -> None:
    with receiving() as receiver:
        rules(model, hook(receiver))
        models.take(model, "v2")
        with journal.opened(model.repository) as connection:
            deliveries.select(connection, lambda _: ["other"], now=0)
        worker(model).work_once()
        assert [delivery.state for delivery in events(model)[0].deliveries] == ["dropped"]
        rules(model, "{name: x}")
        with pytest.raises(BadSettings):
            worker(model).work_once()


def test_a_program_gets_the_event(model: Model, tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_text('#!/bin/sh\ncat > "$1"\npwd\necho said >&2\nexit ${2:-0}\n')
    script.chmod(0o755)
    rules(
        model,
        f"{{name: good, on: [snapshot.created], run: {{command: [{script}, {tmp_path}/got]}}}}",
        f'{{name: worse, on: [snapshot.created], run: {{command: [{script}, /dev/null, "3"]}}}}',
        "{name: absent, on: [snapshot.created], run: {command: [/no/such/program]}}",
    )
    models.take(model, "v2")
    assert worker(model).work_once() == 3
    assert json.loads((tmp_path / "got").read_text())["data"]["snapshot"] == "v2"
    found = {delivery.rule: delivery.log[0].detail for delivery in events(model)[0].deliveries}
    assert found["good"] == f"exit code 0\n{model.repository.common}\nsaid"
    assert (found["worse"] or "").startswith("exit code 3\n")
    assert found["absent"] == "/no/such/program cannot be started: No such file or directory"


def test_a_program_that_does_not_end_is_ended(model: Model) -> None:
    rules(
        model,
        "{name: slow, on: [snapshot.created],"
        " run: {command: [/bin/sh, -c, 'exec sleep 60'], timeout: 200ms}}",
    )
    models.take(model, "v2")
    worker(model).work_once()
    assert events(model)[0].deliveries[0].log[0].detail == "it took longer than 0.2 s"


def test_what_a_program_started_ends_with_it(model: Model, tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_text(f"#!/bin/sh\nsleep 60 &\necho $! > {tmp_path}/pid\nwait\n")
    script.chmod(0o755)
    rules(model, f"{{name: slow, on: [snapshot.created], run: {{command: [{script}], timeout: 500ms}}}}")
    models.take(model, "v2")
    worker(model).work_once()
    child = int((tmp_path / "pid").read_text())
    assert not is_alive(identify(child)) or Path(f"/proc/{child}/stat").read_text().split()[2] == "Z"


def test_an_evaluation_and_an_alias_follow(model: Model) -> None:
    rules(
        model,
        '{name: bench, on: [snapshot.created], match: "v*",'
        ' evaluate: {record: bench, inputs: ["values=[1.0]"]}}',
        "{name: promote, on: [evaluation.finished], alias: {name: staging, require: [bench]}}",
    )
    models.take(model, "v2")
    assert worker(model).work_once() == 2
    snapshot = reference.resolve("v2", model.directory)
    assert [record.name for record in evaluations.list_records(snapshot)] == ["bench"]
    move = aliases.get_alias(model, "staging").move
    assert (move.new.snapshot, move.message) == ("v2", "The rule promote says so")
    assert move.evaluations and move.required[0].startswith("bench (recorded")
    assert [event.event.subject for event in events(model)] == ["v2", "v2", "staging"]
    worker(model).work_once()
    assert len(events(model)) == 3


def test_an_evaluation_like_that_of_another_snapshot(model: Model) -> None:
    first = '{name: one, on: [snapshot.created], evaluate: {record: bench, inputs: ["values=[1.0, 4.0]"]}}'
    like = "{name: two, on: [snapshot.created], evaluate: {record: bench, like: v2}}"
    none = "{name: three, on: [snapshot.created], evaluate: {record: other, like: v2}}"
    rules(model, first)
    models.take(model, "v2")
    worker(model).work_once()
    rules(model, like, none)
    models.take(model, "v3")
    worker(model).work_once()
    records = {
        name: evaluations.list_records(reference.resolve(name, model.directory)) for name in ("v2", "v3")
    }
    assert records["v2"][0].inputs == records["v3"][0].inputs
    found = {delivery.rule: delivery.state for delivery in events(model)[-2].deliveries}
    assert found == {"two": "delivered", "three": "dropped"}


def test_a_model_that_fails_is_an_event(model: Model) -> None:
    models.change(model, old="return {", new="raise ValueError('no')\n        return {")
    rules(model, '{name: bench, on: [snapshot.created], evaluate: {record: bench, inputs: ["values=[1.0]"]}}')
    models.take(model, "v2")
    worker(model).work_once()
    created, failed = events(model)
    assert created.deliveries[0].state == "failed"
    assert isinstance(failed.event, EvaluationFailed)
    assert (failed.event.record, failed.event.kind, failed.event.snapshot) == ("bench", "exception", "v2")
    assert "no" in failed.event.reason


def test_two_workers_deliver_once(model: Model) -> None:
    with receiving() as receiver:
        rules(model, hook(receiver))
        for number in range(2, 8):
            models.take(model, f"v{number}")
        with ThreadPoolExecutor(2) as pool:
            counts = list(pool.map(lambda _: worker(Model.open(model.directory)).work_once(), range(2)))
    assert sum(counts) == 6
    assert len(receiver.ids) == len(set(receiver.ids)) == receiver.requests == 6


class Clock:
    """One that goes on when it is told to."""

    def __init__(self) -> None:
        self.now = journal.read_clock()

    def __call__(self) -> int:
        return self.now


def wait_for_lease(model: Model, until: int) -> None:
    """Wait until a delivery is claimed, or its claim renewed, until a time of the workers' clock."""
    query, deadline = "SELECT max(leased_until) FROM outbox_deliveries", time.monotonic() + 60
    with journal.opened(model.repository) as connection:
        while connection.execute(query).fetchone() != (until,):
            assert time.monotonic() < deadline
            time.sleep(0.001)


def test_a_long_action_keeps_its_claim(model: Model, tmp_path: Path) -> None:
    """The lease is shorter than the program takes, and is renewed before it is over."""
    clock, release = Clock(), tmp_path / "release"
    program = f"[/bin/sh, -c, 'while [ ! -e \"$0\" ]; do sleep 0.01; done', {release}]"
    rules(model, f"{{name: slow, on: [snapshot.created], run: {{command: {program}}}}}")
    models.take(model, "v2")
    with ThreadPoolExecutor(1) as pool:
        clock.now = journal.read_clock()
        first = pool.submit(worker(model, clock, lease=0.3).work_once)
        try:
            for _ in range(5):
                wait_for_lease(model, clock.now + 3 * SECOND // 10)
                assert worker(Model.open(model.directory), clock, lease=0.3).work_once() == 0
                clock.now += 2 * SECOND // 10
        finally:
            release.touch()
        assert first.result() == 1
    assert outcomes(events(model)[0]) == ["delivered"]


def test_a_worker_goes_on_until_it_is_told(model: Model) -> None:
    waits: list[float] = []

    def wait(seconds: float) -> bool:
        waits.append(seconds)
        if len(waits) == 1:
            models.take(model, "v2")
        return len(waits) == 4

    with receiving() as receiver:
        rules(model, hook(receiver))
        worker(model).work(wait)
    assert len(receiver.events) == 1
    assert waits == [1.0, 0.0, 1.0, 1.0]


def test_what_nobody_told_is_found_at_the_start(model: Model) -> None:
    with receiving() as receiver:
        rules(model, hook(receiver))
        journal.find_file(model.repository).rename(model.directory / "hidden")
        models.take(model, "v2")
        (model.directory / "hidden").rename(journal.find_file(model.repository))
        worker(model).work_once()
    assert [event["data"]["snapshot"] for event in receiver.events] == ["v2"]

"""The crash points: every await and hand-off between a webhook's first byte and Feishu's answer.

``test_points.py`` compares this table with the code. A place is ``module:function`` (without the
package's name), then what happens there and, where it happens more than once in the function, which
time: ``await submit:1``. The word after it is the phase (``drive.py``) in which a process is killed
there, right before it and right after it; between the two as well where an expression hands work
over and then waits. ``create*3`` is the first, second and third time within the phase, ``create@3``
the third alone.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from tests.crash import scan


class Phase(StrEnum):
    """What goes on when the process is killed."""

    CREATE = "create"  # a new incident: token there, card created, people mentioned
    PIECES = "pieces"  # the same, with a body that comes in many pieces
    BURST = "burst"  # several new incidents at once
    APART = "apart"  # a new incident in one commit with a body that cannot be applied
    RENEWED = "renewed"  # a new incident, while the platform refuses the token
    UPDATE = "update"  # one more alert: card patched, people called by a reply
    RESTART = "restart"  # a start that takes over a card in flight
    BOT = "bot"  # a new incident in a group bot's chat


PATH = """
web:read_body
    await receive:1                       create
    await _read_rest:1                    pieces
web:_read_rest
    await receive:1                       pieces*2
web:Endpoint.__call__
    await _handler:1                      create update
    await response:1                      create update

ingest.alertmanager:AlertmanagerWebhook.__call__
    await _admit:1                        create
ingest.alertmanager:AlertmanagerWebhook._admit
    await read_body:1                     create
    await _accept:1                       create
ingest.alertmanager:AlertmanagerWebhook._accept
    await apply:1                         create update
    await _put_aside:2                    apart
ingest.alertmanager:AlertmanagerWebhook._put_aside
    await quarantine:1                    apart
    await tell:1                          apart

store.sqlite:SqliteStore.apply
    await submit:1                        create update
store.sqlite:SqliteStore.quarantine
    await submit:1                        apart
store.sqlite:SqliteStore.stirred
    await _read:1                         create
store.sqlite:SqliteStore.backlog
    await _read:1                         create
store.sqlite:SqliteStore.due
    await _read:1                         create update
store.sqlite:SqliteStore.begin
    await submit:1                        create*2 update*3
store.sqlite:SqliteStore.attempt
    await submit:1                        create
store.sqlite:SqliteStore.settle
    await submit:1                        create update*2
store.sqlite:SqliteStore.recover
    await submit:1                        restart*2
store.sqlite:SqliteStore.spent
    await _read:1                         restart
store.reading:Reading._read
    await run:1                           create*2
store.file:Readers.run
    await run_in_executor:1               create*2
store.file:Readers._run
    sql BEGIN:1                           create*2
    sql ROLLBACK:1                        create*2

store.writer:Writer.submit
    _jobs.put:1                           create*4
store.writer:Writer._gather
    _jobs.get_nowait:1                    burst
store.writer:Writer._take_urgent
    _urgent.get_nowait:1                  create
store.writer:Writer._first
    _jobs.get:1                           create*2
    _jobs.get:2                           create
store.writer:Writer._together
    sql BEGIN:1                           create*4
    sql COMMIT:1                          create*4 update*5
    sql ROLLBACK:1                        apart
store.writer:Writer._apart
    sql BEGIN:1                           apart*2
    sql COMMIT:1                          apart*2
store.writer:_attempt
    sql SAVEPOINT:1                       apart*3
    sql ROLLBACK:2                        apart*2
    sql RELEASE:2                         apart*2
    sql RELEASE:3                         apart
store.writer:Writer._reply
    call_soon_threadsafe:1                create*4
store.writer:_deliver
    set_result:1                          create*4
    set_exception:1                       apart*2
store.writer:Writer._fold
    sql PRAGMA wal_checkpoint:1           create

deliver.dispatcher:Dispatcher.restore
    await spent:1                         restart
    await recover:1                       restart
    await restore:1                       restart
deliver.dispatcher:Dispatcher.run
    await _guarded_look:1                 create*2
    await _sleep:1                        create*2
    await pause:1                         burst
deliver.dispatcher:Dispatcher._guarded_look
    await _look:1                         create*2
deliver.dispatcher:Dispatcher._look
    await follow_up:1                     create*2
    await _stir:1                         create*2
    await _serve:1                        create*2
deliver.dispatcher:Dispatcher._stir
    await stirred:1                       create*2
    await _rescue:1                       create
    await backlog:1                       create
deliver.dispatcher:Dispatcher._rescue
    await recover:1                       restart
deliver.dispatcher:Dispatcher._serve
    await _read:1                         create*2 update
deliver.dispatcher:Dispatcher._read
    await due:1                           create*2 update
deliver.dispatcher:Dispatcher._run
    create_task:1                         create update*2

deliver.worker:Worker.deliver
    await begin:1                         create*2 update*3
    await _saved:1                        create update*2
    await _chart:1                        create update
    await _call:1                         create update*2
deliver.worker:Worker._chart
    await prepare:1                       create update
deliver.worker:Worker._call
    await _attempt:1                      create update*2
    await _settle:1                       create update*2
deliver.worker:Worker._attempt
    await _send:1                         create update*2
deliver.worker:Worker._send
    await _create:1                       create
    await _draw:1                         bot
    await send:1                          bot
    await _draw:2                         update
    await patch:1                         update
    await _view:1                         update
    await reply:1                         update
deliver.worker:Worker._create
    await _draw:1                         create
    await attempt:1                       create
    await send:1                          create
deliver.worker:Worker._draw
    await _view:1                         create
deliver.worker:Worker._settle
    await settle:1                        create update*2
deliver.worker:Worker._view
    await people:1                        create update

channels.feishu.client:FeishuApp.people
    await resolve:1                       create update
channels.feishu.client:FeishuApp.send
    await call:1                          create
channels.feishu.client:FeishuApp.patch
    await call:1                          update
channels.feishu.client:FeishuApp.reply
    await call:1                          update
channels.feishu.api:Api.call
    await get:1                           create*2 update*2 renewed*2
    await attempt:1                       create*2 update*2 renewed*2
channels.feishu.attempt:attempt
    await exchange:1                      create*2 update*2 renewed*2
channels.feishu.http:exchange
    async with timeout:1                  create*2 update*2
    async with stream:1                   create*2 update*2
    await _read:1                         create*2 update*2
channels.feishu.http:_read
    async for aiter_bytes:1               create@3 create@4 update@1 update@3
channels.feishu.token:TokenSource.get
    await shield:1                        renewed
channels.feishu.token:TokenSource._fetch
    await attempt:1                       renewed
channels.feishu.people:People.resolve
    await _learn:1                        create update
channels.feishu.people:People._learn
    create_task:1                         create
    await wait:1                          create
channels.feishu.people:People._ask
    await _look_up:1                      create
channels.feishu.people:People._look_up
    await call:1                          create
channels.feishu.flights:Flights.start
    create_task:1                         renewed
"""

# Functions that no accepted alert passes through on its way to a card, and why.
ELSEWHERE = """
web:_missing                                  no path of ours: 404
web:_WrongMethod.__call__                     no method of ours: 405
web:_Server.startup                           start: nobody is listened to yet
web:serving                                   start and stop
store.sqlite:SqliteStore.act                  a click: test_people.py kills there
store.sqlite:SqliteStore.conclude             Alertmanager's answer about a silence
store.sqlite:SqliteStore.note                 the audit: clicks on unknown cards, starts, reloads
store.sqlite:SqliteStore.reconcile            a round of reconciling
store.sqlite:SqliteStore.ask                  a command: test_people.py kills there
store.sqlite:SqliteStore.asked                start: commands that were not answered
store.sqlite:SqliteStore.answered             a command: test_people.py kills there
store.sqlite:SqliteStore.alive                a command
store.reading:Reading.card_of                 a command, or a note
store.reading:Reading.audit                   the API
store.reading:Reading.open_sources            the reconciler
store.sqlite:SqliteStore.lapse                the clock: silences that end
store.sqlite:SqliteStore.intents              start: silences that were asked for
store.sqlite:SqliteStore.abandon              a target that is no longer configured
store.sqlite:SqliteStore.once                 a callback's replay protection
store.reading:Reading.snapshot                the API and the callback
store.reading:Reading.incidents               the API
store.reading:Reading.matching                a click
store.reading:Reading.timeline                the API
store.reading:Reading.cards                   the API
store.reading:Reading.dead_letters            the API
store.sqlite:SqliteStore.age                  the clock: cards too old to be edited much longer
store.sqlite:SqliteStore.revive               the API
store.reading:Reading.figures                 the metrics
store.sqlite:SqliteStore.prune                the clock: incidents that are long over
store.reading:Reading._look                   the API and the metrics
store.reading:Reading.close_readers           stop
store.file:Readers.close                      stop
store.file:open_writer                        start: nobody is listened to yet
store.file:migrate                            start: nobody is listened to yet
store.file:selfcheck                          a command of its own
store.sqlite:SqliteStore.close                stop: what was accepted is committed by then
store.sqlite:SqliteStore.loads                storms, which are switched off here
store.sqlite:SqliteStore.gather               the same
store.sqlite:SqliteStore.disperse             the same
store.sqlite:SqliteStore.hasten               a circuit that closes
store.sqlite:SqliteStore.revive_matching      dead letters
store.sqlite:SqliteStore.probe                dead letters
store.sqlite:SqliteStore._revive              dead letters
store.sqlite:SqliteStore.next_escalation      escalations: test_escalation.py kills there
store.sqlite:SqliteStore.escalate             the same
store.sqlite:SqliteStore.conclude_step        the same
channels.feishu.client:FeishuApp.urge         the same
store.reading:Reading.counted                 start: the month's calls
store.reading:Reading.units                   the metrics
store.reading:Reading.selfcheck               the metrics
store.writer:Writer.submit_first              a click
store.writer:Writer.close                     stop: what was accepted is committed by then
deliver.dispatcher:Dispatcher._look_for_storms  storms, which are switched off here
deliver.dispatcher:Dispatcher._gather         the same
deliver.dispatcher:Dispatcher._abandon        a target that is not configured, or refuses all
deliver.dispatcher:Dispatcher._abandon_one    the same
deliver.worker:Worker._saved                  a month whose calls are nearly used up
channels.feishu.client:FeishuApp.name_of      a click
channels.feishu.client:FeishuApp.learn_people the policy's people, beside all that is shown
channels.feishu.client:FeishuApp.bot_id       a command
channels.feishu.client:FeishuApp.close        stop
channels.feishu.api:Api.close                 stop
channels.feishu.token:TokenSource.close       stop
channels.feishu.people:People.learn           the policy's people, beside all that is shown
channels.feishu.people:People.close           stop
channels.feishu.flights:Flights.wait          a click
channels.feishu.flights:Flights.close         stop
"""

# Places on the way that cannot be reached here, because …
UNREACHABLE = """
ingest.alertmanager:AlertmanagerWebhook._admit:await tell:1
    the body is too large and answered 413: nothing is accepted
ingest.alertmanager:AlertmanagerWebhook._accept:await _put_aside:1
    the body is unreadable and answered 400: nothing is accepted
store.sqlite:SqliteStore.release:await submit:1
    only a reply decided on in a chat whose window is full gives its card back
deliver.worker:Worker.deliver:await release:1
    the same
store.writer:Writer._take_urgent:_urgent.get_nowait:1:after
    only clicks are urgent
store.writer:Writer._sweep:set_exception:1
    only a store that took longer than commit_timeout; answered 503
store.writer:Writer._undo:sql ROLLBACK:1
    only a store that fails; answered 503
store.writer:_attempt:sql ROLLBACK:1
    only agents' bodies and clicks are refused by a job; a webhook's never is
store.writer:_attempt:sql RELEASE:1
    the same
deliver.dispatcher:Dispatcher.run:await wait:1
    stop: the calls under way are finished, then the process ends by itself
deliver.worker:Worker._send:await _create:2
    only a card that was refused in every form, and is a text; sent as a new card is
deliver.worker:Worker._settle:await pause:1
    only a store that fails while an outcome is kept
"""

CHAIN = 15  # lives on one store
# Where a commit stands between what is durable and what is not, each moment is tried every time.
ALWAYS = "store.writer:Writer._together:sql COMMIT:1"

_REACH = re.compile(r"(?P<phase>\w+)(?:\*(?P<upto>\d+)|@(?P<only>\d+))?")


@dataclass(frozen=True, slots=True)
class Kill:
    """One death: in a phase, at the n-th time that a moment of a site is reached."""

    phase: Phase
    point: str  # SITE:MOMENT
    hit: int

    @property
    def site(self) -> str:
        """The site, without the moment."""
        return self.point.rpartition(":")[0]


def on_path() -> dict[str, tuple[tuple[Phase, int], ...]]:
    """Return the sites of the path, with the phases and times at which each is tried."""
    found: dict[str, tuple[tuple[Phase, int], ...]] = {}
    function = ""
    for line in filter(None, PATH.splitlines()):
        if not line.startswith(" "):
            function = line
            continue
        what, _, reach = line.strip().partition("  ")
        found[f"{function}:{what}"] = tuple(_reached(reach.split()))
    return found


def _reached(words: Iterable[str]) -> Iterator[tuple[Phase, int]]:
    for word in words:
        match = _REACH.fullmatch(word)
        if match is None:
            raise ValueError(f"PATH: {word!r} is no phase, phase*N or phase@N")
        phase = Phase(match["phase"])
        if match["only"]:
            yield phase, int(match["only"])
        else:
            yield from ((phase, hit) for hit in range(1, int(match["upto"] or 1) + 1))


def elsewhere() -> dict[str, str]:
    """Return the functions that are not on the path, with the reasons."""
    rows = (line.split(None, 1) for line in filter(None, ELSEWHERE.splitlines()))
    return {function: reason.strip() for function, reason in rows}


def unreachable() -> dict[str, str]:
    """Return the sites, and single moments of sites, that are not reached, with the reasons."""
    rows = list(filter(None, UNREACHABLE.splitlines()))
    return {site: reason.strip() for site, reason in zip(rows[::2], rows[1::2], strict=True)}


def kills() -> tuple[Kill, ...]:
    """Return every kill, in the order of the table."""
    moments = {site.name: site.moments for module in scan.MODULES for site in scan.sites(module)}
    spared = unreachable()
    return tuple(
        Kill(phase, f"{site}:{moment}", hit)
        for site, reached in on_path().items()
        for phase, hit in reached
        for moment in moments.get(site, ())
        if f"{site}:{moment}" not in spared
    )


def representative(every: Sequence[Kill]) -> tuple[Kill, ...]:
    """Return one kill of every other site, moments and phases in turn, and the commit's in full.

    The soak plays the others: each kill costs a start.
    """
    by_site: dict[str, list[Kill]] = {}
    for kill in every:
        by_site.setdefault(kill.site, []).append(kill)
    found = [some[turn % len(some)] for turn, some in enumerate(by_site.values())][::2]
    found += [kill for kill in by_site.get(ALWAYS, ()) if kill not in found]
    for phase in {kill.phase for kill in every} - {kill.phase for kill in found}:
        found.append(next(kill for kill in every if kill.phase is phase))
    return tuple(found)


def chains(some: Sequence[Kill]) -> list[tuple[Phase, tuple[Kill, ...]]]:
    """Return the kills in chains of lives, each of one phase."""
    found = []
    for phase in Phase:
        mine = [kill for kill in some if kill.phase is phase]
        found += [
            (phase, tuple(mine[start : start + CHAIN])) for start in range(0, len(mine), CHAIN)
        ]
    return found

"""Requests: the service beside REF, beside bare FastAPI and beside an earlier version of itself."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from bench import load
from bench.accounts import Accounts
from bench.load import Gets, Refreshes, Registrations, Target
from bench.report import Figures, Measure, Ratio
from bench.server import BARE, REFERENCE, WITHOUT_EVENTS, App, Server, serving

ME = "/api/v1/users/me"
LIVE = "/health/live"
REF_ME = "/ref/me"
ORM_ME = "/orm/me"
USERS_OF_HITS = 100
SESSIONS = 2 * load.CONNECTIONS
EQUAL = 1.03
"""How far two equal copies may differ."""
REAL_HASH = {"SECURITY_HASHING_MEMORY_KIB": "19456", "SECURITY_HASHING_PASSES": "2"}

COPIES_OF_REF = Ratio("two equal copies of REF", EQUAL, better="one")
COPIES = Ratio("two equal copies of the service: me", EQUAL, better="one")
HIT = Ratio("me from the cache ÷ REF", 0.85)
TAIL = Measure("the same, p99 ÷ p50", 4, 2.5)
MISS = Ratio("me from Postgres ÷ ORM read", 1.1, 0.6)
ALIVE = Ratio("health/live ÷ bare FastAPI", 1.4, 1.3)
START = Measure("first answer ÷ bare FastAPI's, CPU", 2.5, 2.0)
START_CLOCK = Measure("the same by the clock, one at a time")
OPEN = Measure("register with the least hash, ms CPU")
WITH_HASH = Ratio("register with outbox ÷ without", 0.9, better="more")
WITHOUT_HASH = Ratio("the same with the least hash", better="more")
ALL = (
    COPIES_OF_REF, COPIES, HIT, TAIL, MISS, ALIVE, START, START_CLOCK, OPEN, WITH_HASH,
    WITHOUT_HASH,
)  # fmt: skip

NOW_HIT = Ratio("me from the cache ÷ before", goal=EQUAL)
NOW_MISS = Ratio("me from Postgres ÷ before", goal=EQUAL)
NOW_REGISTER = Ratio("register (least hash) ÷ before", EQUAL, 1.0)
NOW_REFRESH = Ratio("refresh ÷ before", EQUAL, 1.0)
NOW_ALIVE = Ratio("health/live ÷ before", goal=EQUAL)
NOW_START = Measure("first answer ÷ before, CPU", goal=EQUAL)
NOW_MEMORY = Measure("memory after start ÷ before", goal=EQUAL)
AGAINST = (NOW_HIT, NOW_MISS, NOW_REGISTER, NOW_REFRESH, NOW_ALIVE, NOW_START, NOW_MEMORY)

Source = Callable[[Accounts, Server], load.Requests]


@dataclass
class Requests:
    """Measures requests of the present version, and perhaps of an earlier one."""

    now: Accounts
    before: Accounts | None
    users: int
    seconds: float
    tokens: dict[str, list[str]] = field(default_factory=dict)

    def prepare(self) -> None:
        """Add users, and their tokens."""
        for accounts in filter(None, (self.now, self.before)):
            accounts.fill(self.users)
            self.tokens[accounts.side.name] = accounts.tokens(self.users)
            accounts.fill_reference(USERS_OF_HITS)

    def round(self, number: int) -> None:
        """Measure everything once."""
        self._copies()
        self._beside_reference()
        self._beside_bare(number)
        self._events()
        if self.before:
            self._beside_before(self.before, number)

    def _copies(self) -> None:
        side = self.now.side
        with serving(App(side, REFERENCE), App(side, REFERENCE)) as servers:
            COPIES_OF_REF.add(*self._load(servers, [self._hits(REF_ME) for _ in servers]))
        with serving(App(side), App(side)) as servers:
            COPIES.add(*self._load(servers, [self._hits(ME) for _ in servers]))

    def _beside_reference(self) -> None:
        side = self.now.side
        tokens = self.tokens[side.name]
        with serving(App(side), App(side, REFERENCE)) as servers:
            ours, reference = self._load(servers, [self._hits(ME), self._hits(REF_ME)])
            HIT.add(ours, reference)
            TAIL.values.append(ours.p99 / ours.p50)
            self.now.empty_cache()
            MISS.add(*self._load(servers, [Gets.once(ME, tokens), Gets.repeated(ORM_ME, tokens)]))

    def _beside_bare(self, number: int) -> None:
        apps = [App(self.now.side), App(self.now.side, BARE)]
        with serving(*apps) as servers:
            ours, bare = servers
            START.values.append(ours.first_answer_cpu / bare.first_answer_cpu)
            ALIVE.add(*self._load(servers, [Gets.repeated(LIVE) for _ in servers]))
        seconds: dict[str, float] = {}
        for app in apps if number % 2 else apps[::-1]:
            with serving(app) as [server]:
                seconds[app.name] = server.first_answer
        START_CLOCK.values.append(seconds[apps[0].name] / seconds[BARE])

    def _events(self) -> None:
        side = self.now.side
        for ratio, settings in ((WITH_HASH, REAL_HASH), (WITHOUT_HASH, {})):
            apps = [App(side, settings=settings), App(side, WITHOUT_EVENTS, settings)]
            with serving(*apps) as servers:
                ours, without = self._load(servers, [Registrations() for _ in servers])
            ratio.add(ours, without)
        OPEN.values.append(ours.cpu_ms)

    def _beside_before(self, before: Accounts, number: int) -> None:
        sides = [self.now, before] if number % 2 else [before, self.now]

        def compare(ratio: Ratio, source: Source) -> None:
            sources = [source(a, s) for a, s in zip(sides, servers, strict=True)]
            figures = self._load(servers, sources)
            ratio.add(*(figures if number % 2 else figures[::-1]))

        def tokens(accounts: Accounts) -> list[str]:
            return self.tokens[accounts.side.name]

        with serving(*(App(accounts.side) for accounts in sides)) as servers:
            ours, other = servers if number % 2 else servers[::-1]
            NOW_START.values.append(ours.first_answer_cpu / other.first_answer_cpu)
            NOW_MEMORY.values.append(ours.process.resident_kib() / other.process.resident_kib())
            compare(NOW_HIT, lambda a, _: Gets.repeated(ME, tokens(a)[:USERS_OF_HITS]))
            for accounts in sides:
                accounts.empty_cache()
            compare(NOW_MISS, lambda a, _: Gets.once(ME, tokens(a)))
            compare(NOW_REGISTER, lambda *_: Registrations())
            compare(NOW_REFRESH, lambda a, s: Refreshes(a.refresh_tokens(s, SESSIONS)))
            compare(NOW_ALIVE, lambda *_: Gets.repeated(LIVE))

    def latencies(self, connections: Sequence[int]) -> dict[str, list[Figures]]:
        """Load the service and REF with more and more connections."""
        with serving(App(self.now.side), App(self.now.side, REFERENCE)) as servers:
            sources = [self._hits(ME), self._hits(REF_ME)]
            steps = [self._load(servers, sources, connections=count) for count in connections]
        names = ("GET /users/me", "bare FastAPI (REF)")
        return {name: [step[n] for step in steps] for n, name in enumerate(names)}

    def _hits(self, path: str) -> Gets:
        return Gets.repeated(path, self.tokens[self.now.side.name][:USERS_OF_HITS])

    def _load(
        self,
        servers: Sequence[Server],
        sources: Sequence[load.Requests],
        connections: int = load.CONNECTIONS,
    ) -> list[Figures]:
        targets = [
            Target(server.process, server.port, source)
            for server, source in zip(servers, sources, strict=True)
        ]
        return load.run(self.seconds, *targets, connections=connections)

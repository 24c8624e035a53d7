"""Bursts of random steps, each followed by a wait until everything is right; counts and times."""

import random
import signal
import time
from collections import Counter
from dataclasses import dataclass, field

from tests.chaos import site as sites
from tests.chaos.steps import KINDS_OF_STEPS, WIDE, fresh_list
from tests.chaos.world import OWNED, PROTOCOL, family

LONGEST = 6
"""Steps of a burst."""
SLOW = 2.0
"""Seconds. What no notice tells of is found by a scan, which may take half a minute to come."""

_KIND = {step: kind for kind, steps in KINDS_OF_STEPS.items() for step in steps}
_ORDER = list(KINDS_OF_STEPS)


@dataclass
class Storm:
    """What was done and how long it took to be right again."""

    seed: int
    steps: Counter = field(default_factory=Counter)
    bursts: int = 0
    times: dict[str, list[float]] = field(default_factory=dict)
    """Seconds from the last step of each burst until everything was right, by what took part:
    `outside` alone, changes of the `host`, changes of the `list`, or to the `daemon`."""

    slow: list[str] = field(default_factory=list)
    """Bursts after which something was wrong for longer than SLOW."""

    def run(self, site, seconds=None, bursts=None):
        """Disturb a site for seconds, or for a number of bursts; raise AssertionError if it fails.

        The message has the seed and the burst, and the steps that led to it.
        """
        rng = random.Random(self.seed)
        everything = [step for steps in KINDS_OF_STEPS.values() for step in steps]
        deadline = time.monotonic() + (seconds or 0)
        while self.bursts < bursts if bursts else time.monotonic() < deadline:
            # A new random state each, so that one burst does not shift the next.
            chosen = rng.choices(everything, k=rng.randint(1, LONGEST))
            burst = random.Random(rng.random())
            for step in chosen:
                step(site, burst)
                self.steps[step.__name__] += 1
            self.bursts += 1
            names = [step.__name__ for step in chosen]
            try:
                took = site.settle()
            except AssertionError as error:
                place = f"seed {self.seed}, burst {self.bursts}: {', '.join(names)}"
                report = "\n".join([*self.table(), place])
                raise AssertionError(f"{report}\n{error}") from None
            kind = max((_KIND[step] for step in chosen), key=_ORDER.index)
            self.times.setdefault(kind, []).append(took)
            if took > SLOW:
                self.slow.append(f"burst {self.bursts} took {took:.1f} s: {', '.join(names)}")
                self.slow += [f"    {each}" for each in site.lingering[:5]]

    def table(self):
        """Return the report as lines."""
        lines = [f"{count:6}  {name.replace('_', ' ')}" for name, count in self.steps.most_common()]
        lines.append(f"{self.steps.total():6}  steps in {self.bursts} bursts, seed {self.seed}")
        lines.append("until everything was right again, ms  bursts  median  worst")
        for kind, title in _TITLES.items():
            took = sorted(1000 * seconds for seconds in self.times.get(kind, ()))
            if took:
                median, worst = took[len(took) // 2], took[-1]
                lines.append(f"{title:36}  {len(took):6}  {median:6.0f}  {worst:5.0f}")
        return lines + self.slow


_TITLES = {
    "outside": "after what others did",
    "host": "after changes of the host too",
    "list": "after changes of the list too",
    "daemon": "after kill -9, start included",
}


def beginning(seed):
    """Return the list that a storm begins with."""
    return fresh_list(random.Random(seed), 120) | dict.fromkeys(WIDE, "")


def storm(net, directory, seed, **limits):
    """Run a storm, then stop and withdraw; return it, with everything proven right."""
    made = Storm(seed)
    with sites.running(net, directory, beginning(seed)) as site:
        made.run(site, **limits)
        _agrees(site)
        _leaves_nothing(site)
    return made


def _agrees(site):
    """What the daemon tells of itself is what the kernel shows."""
    desired = site.world.desired()
    active = {rule.family: rule.table for rule in site.kernel.rules() if rule.protocol == PROTOCOL}
    occupied = [
        prefix for prefix in desired if prefix in site.world.squatted(active[family(prefix)])
    ]
    told = (len(desired), len(desired) - len(occupied), len(occupied))

    def agrees():
        status = site.gateway.ask("routes")
        return tuple(status[key] for key in ("desired", "actual", "missing")) == told

    sites.until(agrees, lambda: f"{told} in {site.gateway.ask('routes')}", 5)
    status = site.gateway.ask("routes")
    assert status["problems"] == []
    for route in site.world.foreign:
        told = any(route.prefix in each for each in status["foreign"])
        assert told or route.table not in OWNED, (route, status)


def _leaves_nothing(site):
    """A withdrawal takes all that is ours, and nothing else."""
    site.daemon.send_signal(signal.SIGTERM)
    assert site.daemon.wait(sites.PATIENCE) == 0, site.gateway.said()
    assert not site.wrong()
    done = site.gateway.blockd("route", "--withdraw")
    assert done.returncode == 0, done
    routes, rules = site.kernel.routes(), site.kernel.rules()
    assert site.world.foreign <= routes
    assert site.world.strangers <= set(rules)
    assert not [each for each in (*routes, *rules) if each.protocol == PROTOCOL]

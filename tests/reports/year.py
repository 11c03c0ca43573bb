"""A year of mail for 200 domains with correspondents of all kinds, and what is to be said of it.

    year.py LEDGER TODAY SEED

writes it into a ledger that has its tables, and prints as JSON what `ready`, `report --peer` and the trend have
to say: from how each correspondent was made and from counts of its own, with none of the product's code.
TODAY is a day since 1970-01-01. The kinds are chosen so that no day on which this runs changes an answer.
"""

import datetime, json, random, sqlite3, sys

PATH, TODAY, SEED = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
WINDOW = 90
random.seed(SEED)
TLS = ("TLSv1.3", "TLS_AES_256_GCM_SHA384")
OLD = ("TLSv1", "RC4-SHA")
CLEAR = ("none", "none")
UNKNOWN = ("unknown", "unknown")


def date(day):
    return datetime.date(1970, 1, 1) + datetime.timedelta(days=day)


class Domain:
    def __init__(self, number, evidence):
        self.name = f"d{number:03}.example.org"
        self.evidence = evidence
        # For how many days the milter has judged its mail.
        self.age = {"year": 365, "young": 10, "little": 365, "log": 365, "unknown": 365, "enforced": 365}[evidence]
        self.rows = []
        self.fails = {}
        self.number = number
        self.servers = 0

    def address(self):
        self.servers += 1
        return f"10.{self.number}.{self.servers}.25"

    def mail(self, ago, count, client, host, sender, over):
        if 0 <= ago < self.age:
            self.rows.append((ago, count, client, host, sender, over))

    def every(self, step, first, last, over, who):
        """Mail each `step` days, the last time `last` days ago, over something; returns on which days."""
        days = [ago for ago in range(last, first + 1, step) if ago < self.age]
        for ago in days:
            self.mail(ago, random.randint(1, 9), *who, over)
        return days

    def provider(self, name=None, step=1):
        name = name or f"p{self.number}.example"
        who = (self.address(), f"out.{name}", name)
        self.every(step, 364, 0, UNKNOWN if self.evidence == "unknown" else TLS, who)

    def failing(self, name, days):
        """Takes note of somebody in the way: about every how many days it writes."""
        days = sorted({ago for ago in days if ago <= WINDOW})
        if days:
            gaps = len(days) - 1
            self.fails[name] = -(-(days[-1] - days[0]) // gaps) if gaps else None


def clear(domain, name, step):
    who = (domain.address(), f"mx.{name}", name)
    domain.failing(name, domain.every(step, 364, min(step, 4) - 1, CLEAR, who))


KINDS = {
    "daily": lambda domain, name: clear(domain, name, 1),
    "weekly": lambda domain, name: clear(domain, name, 7),
    "monthly": lambda domain, name: clear(domain, name, 29),
    "good": lambda domain, name: domain.provider(name),
}


def kind(function):
    KINDS[function.__name__] = function


@kind
def old(domain, name):
    who = (domain.address(), f"mx.{name}", name)
    domain.failing(name, domain.every(3, 364, 2, OLD, who))


@kind
def mended(domain, name):
    who = (domain.address(), f"mx.{name}", name)
    domain.every(2, 200, 20, CLEAR, who)
    domain.every(2, 18, 0, TLS, who)


@kind
def silent(domain, name):
    who = (domain.address(), f"mx.{name}", name)
    domain.every(2, 200, 60, CLEAR, who)


@kind
def two_servers(domain, name):
    good, bad = domain.address(), domain.address()
    days = domain.every(1, 364, 0, TLS, (good, f"a.{name}", name))
    # Once, a week ago, is over: the other server has come since.
    if len(domain.every(10, 364, 7, CLEAR, (bad, f"b.{name}", name))) > 1:
        domain.failing(name, days)


@kind
def replaced(domain, name):
    """One of two servers failed, and came for the last time a month ago."""
    good, bad = domain.address(), domain.address()
    domain.every(1, 364, 0, TLS, (good, f"a.{name}", name))
    domain.every(1, 90, 30, CLEAR, (bad, f"b.{name}", name))


@kind
def scanner(domain, name):
    net = domain.address().rsplit(".", 1)[0]
    for place, ago in enumerate(range(1, 180, 5)):
        domain.mail(ago, 1, f"{net}.{place + 1}", "", f"x{place}.{name}", CLEAR)


@kind
def forger(domain, name):
    for ago in range(2, 300, 11):
        domain.mail(ago, 1, domain.address(), f"dsl.{name}", domain.name, CLEAR)


@kind
def device(domain, name):
    """Of the organisation's own: without a name, and known by its address."""
    address = domain.address()
    domain.failing(address, domain.every(4, 364, 3, CLEAR, (address, "", domain.name)))


@kind
def mailing_list(domain, name):
    address = domain.address()
    days = range(1, 364, 2)
    for ago in days:
        domain.mail(ago, 2, address, f"lists.{name}", f"m{ago}.example", CLEAR)
    domain.failing(name, [ago for ago in days if ago < domain.age])


def start(slowest):
    day = TODAY + min(max(2 * slowest, 14), 60)
    while True:
        at = date(day)
        holiday = (at.month, at.day) >= (12, 20) or (at.month, at.day) <= (1, 6)
        if at.weekday() in (1, 2, 3) and not holiday:
            return at.isoformat()
        day += 1


def expected(domain):
    rows = [row for row in domain.rows if row[0] <= WINDOW]
    all_ = sum(row[1] for row in rows)
    judged = {row[0] for row in rows} if domain.evidence != "log" else set()
    fault = sum(row[1] for row in rows if row[5] in (CLEAR, OLD))
    span = max(judged) + 1 if judged else 0
    lacks = []
    if domain.evidence == "log":
        lacks.append("log-only")
    elif not (span >= 14 and len(judged) >= 8 or span >= 56):
        lacks.append("few-days")
    unknown = sum(row[1] for row in rows if row[5] == UNKNOWN)
    if unknown * 20 > all_:
        lacks.append("unknown-sessions")
    if domain.evidence == "enforced":
        state = "enforced"
    elif domain.fails:
        state = "not-yet"
    else:
        state = "not-enough" if lacks else "ready"
    slowest = max((every if every is not None else 30 for every in domain.fails.values()), default=0)
    return {
        "state": state, "lacks": lacks, "recipients": all_, "at_fault": fault, "days": len(judged), "span": span,
        "in_the_way": sorted(domain.fails), "start": start(slowest) if state == "not-yet" else None,
    }


def runs(client, host):
    """Who runs a server: here, all names have two parts behind that of the host."""
    return ".".join(host.split(".")[-2:]) if host else client.rsplit(".", 1)[0] + ".0/24"


def trend(domain, days):
    """The last days, today included, beside as many before."""
    length = days + 1
    when = lambda ago: "now" if ago < length else "before" if ago < 2 * length else "earlier"
    fault, well = {}, set()
    for ago, _, client, host, _, over in domain.rows:
        who = runs(client, host)
        if over in (CLEAR, OLD):
            fault.setdefault(who, set()).add(when(ago))
        elif over == TLS and when(ago) == "now":
            well.add(who)
    before = [row for row in domain.rows if when(row[0]) == "before"]
    months = {}
    for ago, count, *_, over in domain.rows:
        month = months.setdefault(date(TODAY - ago).strftime("%Y-%m"), [0, 0])
        month[0] += count
        month[1] += count if over == TLS else 0
    names = lambda test: sorted(who for who, at in fault.items() if test(who, at))
    return {
        "new": names(lambda _, at: at == {"now"}),
        "returning": names(lambda _, at: "now" in at and "before" not in at and "earlier" in at),
        "resolved": names(lambda who, at: "before" in at and "now" not in at and who in well),
        "away": names(lambda who, at: "before" in at and "now" not in at and who not in well),
        "before": [sum(row[1] for row in before), sum(row[1] for row in before if row[5] == TLS)],
        "months": sorted([name, *counts] for name, counts in months.items()),
    }


def partners(domain, days):
    """Of each who runs servers: recipients, those at fault, how many servers."""
    found = {}
    for ago, count, client, host, _, over in domain.rows:
        if ago <= days:
            one = found.setdefault(runs(client, host), [0, 0, set()])
            one[0] += count
            one[1] += count if over in (CLEAR, OLD) else 0
            one[2].add(client)
    return {who: [all_, fault, len(servers)] for who, (all_, fault, servers) in found.items()}


EVIDENCE = ["year"] * 6 + ["young", "little", "log", "unknown", "enforced"]
domains = []
for number in range(200):
    domain = Domain(number, EVIDENCE[number % len(EVIDENCE)])
    domains.append(domain)
    domain.provider(step=3 if domain.evidence == "little" else 1)
    names = list(KINDS)
    # Each kind is alone at one domain, then with others.
    chosen = [names[number // 11]] if number // 11 < len(names) else random.sample(names, random.randint(0, 4))
    for place, name in enumerate(chosen):
        # A domain that is young, or about which nothing was known, may have correspondents of any kind.
        KINDS[name](domain, f"{name.replace('_', '-')}{place}-{number}.example")

ledger = sqlite3.connect(PATH)
for domain in domains:
    for ago, count, client, host, sender, over in domain.rows:
        fault = over in (CLEAR, OLD)
        if domain.evidence == "enforced" and fault:
            verdict = "refuse"
        else:
            verdict = "would-refuse" if fault else "accept"
        reason = {CLEAR: "plaintext", OLD: "cipher", TLS: "adequate", UNKNOWN: "unknown-tls-passed"}[over]
        at = (TODAY - ago) * 86400 + random.randint(0, 3600)
        source = "log" if domain.evidence == "log" else "milter"
        ledger.execute(
            "INSERT INTO mail (day, source, domain, found, client, name, sender, tls_version, cipher, certificate,"
            " flags, verdict, reason, count, repeats, first, last)"
            " VALUES (?, ?, ?, 'recipient', ?, ?, ?, ?, ?, '', 0, ?, ?, ?, 0, ?, ?)",
            (TODAY - ago, source, domain.name, client, host, sender, *over, verdict, reason, count, at, at),
        )
ledger.commit()
print(json.dumps({
    "enforced": [domain.name for domain in domains if domain.evidence == "enforced"],
    "ready": {domain.name: expected(domain) for domain in domains},
    # From the days of this month to those before it, and of some of the domains.
    "trend": {domain.name: trend(domain, 30) for domain in domains[::13]},
    "partners": {domain.name: partners(domain, 120) for domain in domains[::13]},
}))

"""The dossier as a page for the person: one file, without scripts or anything from elsewhere, for a phone or for paper.

Everything in the JSON is on the page, in plain words and with times in UTC.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import PurePath
from typing import Any

from tactful.desk.dossier import Dossier
from tactful.desk.dossier_words import (
    OUTCOMES,
    ROLES,
    STATES,
    day,
    minute,
    month,
    purpose_words,
    said,
    status_words,
)
from tactful.errors import counted

_NOT_STATED = "not stated"


def dossier_page(dossier: Dossier) -> str:
    """The page, HTML.

    Notes
    -----
    **Privacy.** *Reads* the dossier. *Returns* it as a page, for the person alone. *Costs* nothing. *Assumes* what
    `tactful.desk.dossier.dossier` assumes.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("tactful.desk", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("dossier.html.j2").render(_shown(dossier.facts))


def _shown(facts: Mapping[str, Any]) -> dict[str, Any]:
    """What the page shows."""
    return {
        "user_id": facts["user_id"],
        "made": day(facts["made_at"]),
        "made_at": minute(facts["made_at"]),
        "tactful": facts["tactful"],
        "erased": day(facts["erased_at"]) if facts["erased_at"] else "",
        "held": any(facts["held"].values()),
        "who": _who(facts["controller"]),
        "name": _stated(facts["controller"]["name"]),
        "rights_at": _stated(facts["controller"]["rights"]) or _stated(facts["controller"]["contact"]),
        "authority": _stated(facts["controller"]["authority"]),
        "glance": list(_glance(facts)),
        "agreed": [_agreed(each) for each in facts["consents_now"]],
        "history": [_said(table) for table in facts["consents"] if table["rows"]],
        "lists": [{**each, "place": PurePath(each["place"]).name} for each in facts["suppression_lists"]],
        "tables": [_table(table) for table in facts["interactions"] if table["rows"]],
        "about": [_about(table) for table in (*facts["attributes"], *facts["flags"]) if table["rows"]],
        "models": [_model(each) for each in facts["models"]],
        "others": counted(len(facts["not_used_by"]), "more training") if facts["not_used_by"] else "",
        "together": _together(facts),
        "next": facts["next"],
        "recommended": [_recommended(each) for each in facts["recommended"]],
        "retention": _retention(facts["retention"]),
        "purposes": [purpose_words(facts["purpose"][name]) for name in ("training", "recommending")],
        "requests": [(minute(each["time"]), each["what"]) for each in reversed(facts["requests"])],
        "problems": facts["problems"],
        "not_read": _not_read(facts),
    }


def _stated(text: str) -> str:
    """A text that somebody gave; empty otherwise."""
    return "" if text == _NOT_STATED else text


def _who(controller: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Who answers for the data, as far as it is stated; what is not, says so."""
    named = (
        ("Who answers for your data", "name"),
        ("Contact", "contact"),
        ("Data protection officer", "officer"),
        ("Where the data come from", "source"),
        ("On what ground they are used", "legal_basis"),
    )
    listed = (("Who else gets to see them", "recipients"), ("Countries outside that they go to", "transfers"))
    told = [
        (words, str(controller[key]).capitalize() if key == "legal_basis" else controller[key]) for words, key in named
    ]
    return told + [(words, "; ".join(controller[key]) or "none is stated") for words, key in listed]


def _glance(facts: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The page in a few lines."""
    lines = [entry for entry, _ in _entries(facts)]
    did = set(lines)
    places = len([table for table in facts["interactions"] if table["rows"]])
    repeats = len(lines) > len(did)
    where = f", in {counted(len(lines), 'line')} below: the same item at the same time counts once" * repeats
    where += f"; they are kept in {places} places, and each place is listed below" * (places > 1)
    yield "What you did", f"{counted(len(did), 'entry', 'entries')}{where}" if did else "nothing"
    may = {entry for entry, row in _entries(facts) if row.get("training") == "admitted"}
    if did and any("training" in row for _, row in _entries(facts)):
        yield "What of it could teach a model", f"{counted(len(may), 'entry', 'entries')}, as your consent stands now"
    yes = [purpose_words(each["purpose"]) for each in facts["consents_now"] if each["state"] == "allowed"]
    yield "What you agree to now", "; ".join(yes) or "nothing"
    roles = [each["role"] for each in facts["models"]]
    taught, judged, unknown = (roles.count(role) for role in ("trained on", "used to judge", "not known"))
    parts = [f"{counted(taught, 'model')} learned from it"] if taught else []
    parts += [f"{counted(judged, 'model was', 'models were')} measured with it"] if judged else []
    parts += [f"of {counted(unknown, 'model')} it is not known"] if unknown else []
    yield "Where your history was used", "; ".join(parts) or "in no model"
    personal = any(each.get("personalised") for each in facts["recommended"])
    yield "Recommended from your history now", "yes, see below" if personal else "no"


def _entries(facts: Mapping[str, Any]) -> Iterator[tuple[tuple[str, str], Mapping[str, Any]]]:
    """Every row of what they did, with what makes it the same entry as that of another place."""
    for table in facts["interactions"]:
        yield from (((row["item_id"], row["timestamp"]), row) for row in table["rows"])


def _agreed(each: Mapping[str, Any]) -> dict[str, Any]:
    """How consent to one purpose stands."""
    ends = f" It ends on {day(each['until'])}." if each.get("until") and each["state"] == "allowed" else ""
    since = f" since {day(each['since'])}" if each.get("since") and each["state"] == "allowed" else ""
    return {
        "purpose": purpose_words(each["purpose"]),
        "code": each["purpose"],
        "yes": each["state"] == "allowed",
        "text": f"{STATES.get(each['state'], each['state'])}{since}.{ends}",
    }


def _said(table: Mapping[str, Any]) -> dict[str, Any]:
    """What was recorded of consent, in one table."""
    told = ("method", "notice_version", "language", "jurisdiction", "legal_basis", "source", "record_id")
    rows = [
        {
            "time": minute(row.get("event_time")),
            "recorded": minute(row["recorded_time"]) if row.get("recorded_time") else "",
            "what": said(row.get("state"), row.get("purpose")),
            "until": day(row["valid_until"]) if row.get("valid_until") else "",
            "details": ", ".join(f"{name.replace('_', ' ')} {row[name]}" for name in told if row.get(name)),
        }
        for row in table["rows"]
    ]
    return {**_where(table), "rows": rows}


def _table(table: Mapping[str, Any]) -> dict[str, Any]:
    """What the person did, by month, in one table."""
    months = [
        {"name": name, "rows": [_row(row) for row in rows]}
        for name, rows in groupby(table["rows"], key=lambda row: month(row["timestamp"]))
    ]
    used = sum(row.get("training") == "admitted" for row in table["rows"])
    return {
        **_where(table),
        "count": counted(len(table["rows"]), "line"),
        "used": counted(used, "line"),
        "judged": any("training" in row for row in table["rows"]),
        "months": months,
    }


def _row(row: Mapping[str, Any]) -> dict[str, str]:
    """One entry."""
    training, own = (OUTCOMES.get(row.get(name, ""), "not known") for name in ("training", "recommending"))
    return {
        "time": minute(row["timestamp"]),
        "title": row["title"] or "no item",
        "item_id": row["item_id"] or "",
        "training": training,
        "recommending": own,
        "until": day(row["until"]) if row.get("until") else "",
    }


def _about(table: Mapping[str, Any]) -> dict[str, Any]:
    """What is kept of who the person is."""
    pairs = [(name.replace("_", " "), value or "not given") for row in table["rows"] for name, value in row.items()]
    return {**_where(table), "pairs": pairs}


def _where(table: Mapping[str, Any]) -> dict[str, str]:
    """Where it is kept; of a path only the name, the rest is the business's own."""
    return {"kept": table["kept"], "place": PurePath(table["place"]).name}


def _model(each: Mapping[str, Any]) -> dict[str, Any]:
    """A model that the person's data were in."""
    name = f"{each['model']}, version {each['version']}" if each["version"] else f"{each['model']}, a training"
    return {
        "name": name,
        "champion": each["champion"],
        "made": day(each["trained_at"]),
        "role": ROLES.get(each["role"], each["role"]),
        "rows": "" if each["rows"] is None else counted(each["rows"], "entry", "entries"),
        "means": each["means"],
        "status": status_words(each),
        "epsilon": _epsilon(each["epsilon"], each["delta"]),
        "notes": each["notes"],
    }


def _epsilon(epsilon: float | None, delta: float) -> str:
    """The bound in figures."""
    return "no finite bound" if epsilon is None else f"ε = {epsilon:.3g} at δ = {delta:g}"


def _together(facts: Mapping[str, Any]) -> str:
    """The bound of all models together, where there are several."""
    if len(facts["models"]) < 2:
        return ""
    bound = _epsilon(facts["since_first"]["epsilon"], facts["since_first"]["delta"])
    return f"{bound}. {facts['together']}".rstrip(". ")


def _recommended(each: Mapping[str, Any]) -> dict[str, Any]:
    """What one model recommends."""
    if each["problem"]:
        return {"model": each["model"], "problem": each["problem"], "text": "", "listed": []}
    personal = "From your own history" if each["personalised"] else "The same list as for everybody"
    why = "" if each["personalised"] else f": {each['reason']}"
    items = [
        {"title": item["title"], "because": [part["title"] or part["item_id"] for part in item["because"]]}
        for item in each["items"]
    ]
    return {
        "model": f"{each['model']}, version {each['version']}",
        "problem": "",
        "text": personal + why,
        "listed": items,
    }


def _retention(told: Mapping[str, Any] | None) -> list[str]:
    """How long rows are used."""
    if told is None:
        return []
    usual = [f"What you did is used for {counted(told['days'], 'day')} at most."]
    return usual + [
        f"{name.replace('_', ' ').capitalize()}: {counted(days, 'day')}." for name, days in told["by_category"].items()
    ]


def _not_read(facts: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Columns of the business's tables that tactful does not read."""
    tables: Sequence[Mapping[str, Any]] = [t for name in _TABLES for t in facts[name]]
    return [(_where(table)["place"], ", ".join(table["not_read"])) for table in tables if table["not_read"]]


_TABLES = ("interactions", "consents", "attributes", "flags")

"""Words for people, teams, projects and items. Which one is used is a matter of the dice or of a number."""

from __future__ import annotations

from random import Random


def _listed(text: str, separator: str | None = None) -> list[str]:
    return text.split(separator)


FIRST = _listed(
    "Ada Amir Anna Bruno Carla Chen Dana Elif Emil Fatima Felix Grace Hana Hugo Ines Ivan Jonas Julia Kofi Lara "
    "Leo Lin Maria Marta Max Mei Nadia Noah Olga Omar Paula Pedro Priya Rafael Ravi Rosa Sara Sofia Tariq Tom Uma "
    "Vera Viktor Wei Yara Yusuf Zoe"
)
LAST = _listed(
    "Adler Ahmed Bauer Becker Brown Costa Cruz Dubois Eriksen Fischer Garcia Gupta Haas Hansen Ito Jansen Keller "
    "Khan Klein Kowalski Kumar Lang Larsen Lopez Martin Meyer Moreau Nagy Novak Okafor Olsen Patel Pereira Reed "
    "Rossi Santos Schmidt Silva Singh Smith Tanaka Vogel Walker Weber Wolf Young Zhang"
)
TEAMS = _listed(
    "Falcon Otter Lynx Heron Badger Comet Atlas Orion Cedar Maple Willow Basalt Granite Quartz Ember Tundra Delta "
    "Harbor Meadow Summit Raven Marlin Puma Ibis Condor Beaver Aurora Nebula Juniper Aspen Birch Cobalt Onyx Topaz "
    "Cinder Prairie Lagoon Canyon Ridge Glacier"
)
PRODUCTS = _listed(
    "Checkout Wallet Ledger Catalog Pricing Invoicing Identity Search Loyalty Shipping Returns Billing Onboarding "
    "Reporting Inventory Messaging Consent Mobile Portal Gateway Fraud Scheduler Archive Workflow Insights Quotes "
    "Vouchers Tracking Support Directory"
)
PORTFOLIOS = ("Commerce", "Payments", "Platform", "Customer Care")

_VERBS = _listed("Add Show Validate Export Import Cache Retry Redesign Migrate Simplify Log Audit Limit Sort Filter")
_THINGS = _listed(
    "address form|payment retry|order history|tax table|password reset|address book|discount rules|event feed|"
    "session timeout|PDF receipt|search facets|stock levels|delivery slots|consent banner|audit trail|rate limits|"
    "currency rounding|CSV upload|e-mail template|status page",
    "|",
)
_WHERE = _listed(
    "for returning customers|in the mobile app|on the partner portal|at night|for admins|in the new region", "|"
)
_FAULTS = _listed(
    "Wrong total|Time-out|Blank page|Duplicate e-mail|Lost update|Broken layout|Error 500|Stale data", "|"
)


def pick(words: list[str], number: int) -> str:
    """The number-th of a list that has no end: after the last word comes the first one with a 2, and so on."""
    again, index = divmod(number, len(words))
    return words[index] if again == 0 else f"{words[index]} {again + 1}"


def project_key(number: int) -> str:
    again, index = divmod(number, len(PRODUCTS))
    return PRODUCTS[index][:5].upper() + (str(again + 1) if again else "")


def title(dice: Random, kind: str) -> str:
    thing, where = dice.choice(_THINGS), dice.choice(_WHERE)
    if kind == "bug":
        return f"{dice.choice(_FAULTS)}: {thing} {where}"
    if kind == "subtask":
        return f"{dice.choice(('Build', 'Test', 'Review', 'Document', 'Configure'))} {thing}"
    if kind == "epic":
        return f"{thing.capitalize()} {where}"
    return f"{dice.choice(_VERBS)} {thing} {where}"


def description(dice: Random, kind: str) -> str:
    who = dice.choice(("customer", "support agent", "administrator", "partner", "analyst"))
    if kind == "bug":
        return f"Seen by a {who}. Steps: open the page, change the {dice.choice(_THINGS)}, save. Expected: it is kept."
    return f"As a {who} I want the {dice.choice(_THINGS)} so that I need not ask. Done when tested and documented."

"""The contract, held against every engine of conftest."""

from tests.store.contract import Bodies, Cards, Clicks, Records
from tests.store.contract_escalation import Escalations
from tests.store.contract_history import Histories
from tests.store.contract_later import Leases, Lives, Routes
from tests.store.contract_policy import Policies
from tests.store.contract_silence import Silences
from tests.store.contract_storm import Accounts, Fallbacks, Storms
from tests.store.contract_truth import Truths


class TestBodies(Bodies):
    """Promises 1 to 4."""


class TestCards(Cards):
    """Promises 5, 7, 8 and 9."""


class TestClicks(Clicks):
    """Promise 6."""


class TestRecords(Records):
    """Promises 10 to 12."""


class TestRoutes(Routes):
    """Promise 5, for alerts of several routes."""


class TestHistories(Histories):
    """Promise 10, for groups that fire again and again."""


class TestLives(Lives):
    """Promises 10 and 12, for incidents that last."""


class TestLeases(Leases):
    """Promise 6, while clicks are being answered."""


class TestStorms(Storms):
    """Promises 5 and 6, for digests."""


class TestFallbacks(Fallbacks):
    """Promise 5, for targets that refuse."""


class TestAccounts(Accounts):
    """Promise 12."""


class TestPolicies(Policies):
    """Promise 6, for what the policy permits."""


class TestTruths(Truths):
    """Promise 14."""


class TestSilences(Silences):
    """Promises 1, 5 and 6, for silences that are previewed, kept alive or extended."""


class TestEscalations(Escalations):
    """Promise 15."""

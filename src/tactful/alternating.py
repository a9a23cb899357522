"""From the door to a model by private alternating least squares, the second way beside `tactful.fitting`."""

from __future__ import annotations

from tactful.fitting import Fitted
from tactful.personal.bounding import BoundedInteractions
from tactful.privacy.alternating_plan import MOST_FACTORS
from tactful.privacy.plan import RunPlan
from tactful.privacy.release import PrivateRelease
from tactful.privacy.statistics import PeopleCount
from tactful.released.dpals import PrivateALS
from tactful.released.item_features import ItemFeatures


def fit_dpals(
    door: PrivateRelease,
    bounded: BoundedInteractions,
    plan: RunPlan,
    people: PeopleCount,
    *,
    most_factors: int = MOST_FACTORS,
) -> Fitted:
    """The model that DPALS makes of these people: popularity, then one step after the other, each asked of the door.

    What the catalogue says of its items is used with them: it is public.

    Parameters
    ----------
    door : PrivateRelease
        Made for `plan`.
    bounded : BoundedInteractions
    plan : RunPlan
        Of `tactful.privacy.alternating_plan`.
    people : PeopleCount
        Released through the same door.
    most_factors : int, default=64
        What `plan` was made for; the door refuses more.

    Notes
    -----
    **Privacy.** *Reads* nothing itself: hands bounded rows to the door. *Returns* what was fitted from released values.
    *Costs* the event ``popularity`` and all events of the steps. *Assumes* what `tactful.privacy.release` says.
    """
    steps = sum(event.name.startswith("rhs-") for event in plan.events)
    planner = PrivateALS(steps=steps, most_factors=most_factors)
    popularity, noise = door.popularity(bounded), plan.event("rhs-1").noise_multiplier
    features = ItemFeatures.of(bounded.catalogue)
    planner.fit(
        popularity,
        people,
        lambda query: door.solved(bounded, query),
        noise_multiplier=noise,
        features=features,
    )
    return Fitted(model=planner.model_, head=planner.head_, features=features.columns)

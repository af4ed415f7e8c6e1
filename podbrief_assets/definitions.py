"""The one place where assets, jobs, schedules and resources meet.

Belongs here: `build_defs`, the seam through which tests and other deployments replace a resource.
Doesn't: anything that any other module may import.

Loading this imports neither torch nor transformers: the UI, the daemon and every step's process load it.
"""

from __future__ import annotations

import os
from typing import Any

import dagster as dg

from podbrief_assets import automation, resources
from podbrief_assets.briefs import assets as briefs
from podbrief_assets.delivery import assets as delivery
from podbrief_assets.episodes import assets as episodes
from podbrief_assets.insights import assets as insights
from podbrief_assets.lake.paths import Home
from podbrief_assets.lake.tables import EMBEDDING_DIMENSION, EMBEDDING_MODEL
from podbrief_assets.scores import assets as scores
from podbrief_assets.subscribers import assets as subscribers
from podbrief_assets.transcripts import assets as transcripts
from podbrief_assets.warehouse import assets as warehouse

STAGES = [episodes, transcripts, insights, scores, subscribers, briefs, delivery, warehouse]


def build_defs(
    home: Home | None = None, *, executor: dg.ExecutorDefinition | None = None, **overrides: Any
) -> dg.Definitions:
    """podbrief's definitions.

    Args:
        home: Where everything lies; what the environment says by default.
        executor: What runs the steps of every job; by default each is a process of this machine.
        overrides: Resources to use instead of the default ones, by name.
    """
    home = home or Home.from_environment()
    database = resources.DatabaseResource(url="")
    defaults: dict[str, Any] = {
        "io_manager": resources.LakeIOManager(root=str(home.lake)),
        "lake": resources.LakeResource(root=str(home.lake)),
        "cache": resources.CacheResource(root=str(home.cache)),
        "database": database,
        "ledger": resources.DeliveryLedger(database=database),
        "subscriptions": resources.Subscriptions(path=str(home.subscriptions)),
        "web": resources.Web(),
        "step_files": resources.StepFiles(root=str(home.cache / "steps")),
        "recordings": resources.RecordingStore.from_environment(os.environ, home.audio),
        "speech": resources.Speech.from_environment(os.environ),
        "embedding_model": resources.EmbeddingModel(model=EMBEDDING_MODEL, dimension=EMBEDDING_DIMENSION),
        "language_model": resources.LanguageModel(database=database),
        "mail": resources.MailResource(outbox=str(home.outbox), home=str(home.root)),
        "personal_files": resources.PersonalFiles(
            lake=str(home.lake),
            vectors=str(home.vectors),
            briefs=str(home.brief_ranges),
            outbox=str(home.outbox),
        ),
        "warehouse_file": resources.WarehouseFile(path=str(home.warehouse)),
    }
    return dg.Definitions(
        assets=dg.load_assets_from_modules(STAGES),
        jobs=[
            automation.daily_brief,
            automation.late_day,
            automation.deliver_due,
            automation.transcribe_shards,
            automation.brief_shards,
        ],
        schedules=[automation.every_morning, automation.every_hour],
        sensors=[automation.settle_dead_runs, automation.late_episodes],
        resources=defaults | overrides,
        executor=executor or dg.multiprocess_executor,
    )


defs = build_defs()

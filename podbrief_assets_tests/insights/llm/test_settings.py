"""Settings for a language model, from the environment."""

from __future__ import annotations

import subprocess
import sys

import pytest

from podbrief_assets.environment import BadSetting
from podbrief_assets.insights.llm import LlmSettings, configured
from podbrief_assets.insights.llm.settings import DEFAULT_MODEL, OPENAI_ADDRESS


def test_a_key_or_an_address_switches_the_model_on() -> None:
    assert configured({"OPENAI_API_KEY": "sk"})
    assert configured({"OPENAI_BASE_URL": "http://127.0.0.1:1/v1"})
    assert not configured({"OPENAI_API_KEY": " ", "OTHER": "x"})


def test_settings_come_from_the_environment() -> None:
    read = LlmSettings.from_environment(
        {
            "OPENAI_API_KEY": " sk \n",
            "PODBRIEF_LLM_MODEL": "m",
            "PODBRIEF_LLM_CONCURRENCY": "3",
            "PODBRIEF_LLM_TIMEOUT_S": "9",
            "PODBRIEF_LLM_REQUESTS_PER_MINUTE": "60",
            "PODBRIEF_LLM_TOKENS_PER_MINUTE": "90000",
            "PODBRIEF_LLM_BUDGET_USD": "2.5",
        }
    )
    assert (read.requests_per_minute, read.tokens_per_minute, read.budget_usd) == (60, 90_000, 2.5)
    assert (read.api_key, read.model, read.concurrency, read.timeout_s) == ("sk", "m", 3, 9)
    assert read.base_url == OPENAI_ADDRESS
    assert LlmSettings.from_environment({}).model == DEFAULT_MODEL


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PODBRIEF_LLM_CONCURRENCY", "many"),
        ("PODBRIEF_LLM_CONCURRENCY", "0"),
        ("PODBRIEF_LLM_TIMEOUT_S", "nan"),
        ("PODBRIEF_LLM_TEMPERATURE", "-1"),
        ("OPENAI_BASE_URL", "localhost:8080"),
        ("OPENAI_BASE_URL", "http://[::1"),
        ("OPENAI_API_KEY", "“sk-1”"),
        ("PODBRIEF_LLM_BUDGET_USD", "-1"),
        ("PODBRIEF_LLM_BUDGET_USD", "$5"),
        ("PODBRIEF_LLM_REQUESTS_PER_MINUTE", "0"),
        ("PODBRIEF_LLM_TOKENS_PER_MINUTE", "nan"),
        ("PODBRIEF_LLM_BORDERS", "no"),
        ("PODBRIEF_LLM_JUDGE_BASE_URL", "judge.example/v1"),
    ],
)
def test_a_setting_that_can_not_be_used_is_named(name: str, value: str) -> None:
    with pytest.raises(BadSetting, match=name):
        LlmSettings.from_environment({name: value})


def test_importing_the_module_does_not_import_the_client() -> None:
    code = "import sys, podbrief_assets.insights.llm; sys.exit('openai' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_nothing_is_limited_judged_or_left_out_unless_it_is_said() -> None:
    read = LlmSettings.from_environment({})
    assert (read.requests_per_minute, read.tokens_per_minute, read.budget_usd) == (None, None, None)
    assert read.for_judge is None
    assert read.borders
    assert not LlmSettings.from_environment({"PODBRIEF_LLM_BORDERS": "0"}).borders


def test_a_budget_of_nothing_is_a_budget() -> None:
    assert LlmSettings.from_environment({"PODBRIEF_LLM_BUDGET_USD": "0"}).budget_usd == 0


def test_the_judge_is_asked_on_the_same_server_with_the_same_key() -> None:
    judge = LlmSettings.from_environment({"OPENAI_API_KEY": "sk", "PODBRIEF_LLM_JUDGE_MODEL": "large"}).for_judge
    assert judge is not None
    assert (judge.model, judge.base_url, judge.api_key) == ("large", OPENAI_ADDRESS, "sk")


@pytest.mark.parametrize(("own", "sent"), [("", None), ("sk-judge", "sk-judge")])
def test_a_judge_elsewhere_never_gets_the_key_of_the_first_server(own: str, sent: str | None) -> None:
    judge = LlmSettings.from_environment(
        {
            "OPENAI_API_KEY": "sk",
            "PODBRIEF_LLM_JUDGE_MODEL": "large",
            "PODBRIEF_LLM_JUDGE_BASE_URL": "http://judge.example/v1",
            "PODBRIEF_LLM_JUDGE_API_KEY": own,
        }
    ).for_judge
    assert judge is not None
    assert (judge.base_url, judge.api_key) == ("http://judge.example/v1", sent)

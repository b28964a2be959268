"""The protocol of the address (`pages/ui/app/README.md`), against a browser that hears late and a Streamlit that drops flags."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from pages.ui.app import address

IMAGES = ("1", "2", "3")


class Query(dict[str, str]):
    """`st.query_params` of a run: told what to send to the browser."""

    def __init__(self, visitor: Visitor, text: str | None) -> None:
        super().__init__({} if text is None else {"image": text})
        self.visitor = visitor

    def get_all(self, name: str) -> list[str]:
        return [self[name]] if name in self else []

    def update(self, values: dict[str, list[str]]) -> None:  # type: ignore[override]
        for name, value in values.items():
            self.pop(name, None)
            if value:
                self[name] = value[0]
        self.visitor.messages.append(self.get("image"))


class Visitor:
    """A browser with its history, the messages on their way to it, and the session that it talks to.

    chosen: what the session shows; "1" before any choice, as on a first visit.
    """

    def __init__(self, patch: pytest.MonkeyPatch, start: str | None = None) -> None:
        self.patch, self.session = patch, {}
        self.history, self.place, self.messages = [start], 0, []
        self.chosen: str | None = None
        self.run()

    @property
    def shown(self) -> str | None:
        return self.history[self.place]

    def run(self, choice: str | None = None, flag: bool = False) -> None:
        """The browser asks for a run with its address of now. choice: made by a callback of this run."""
        query = Query(self, self.shown)
        self.patch.setattr(address, "st", SimpleNamespace(session_state=self.session, query_params=query))
        self.patch.setattr(address, "went_back", lambda: flag)
        if choice is not None:
            self.chosen = choice
            address.write({"image": choice})
        asked = address.news("image")
        self.chosen = asked.values.get("image", self.chosen or "1")
        if asked.back:
            address.stands_for({"image": self.chosen})
        else:
            address.write({"image": self.chosen})

    def hear(self) -> None:
        """The next message arrives: another address is a step of the history."""
        if self.messages:
            text = self.messages.pop(0)
            if text != self.shown:
                self.history[self.place + 1 :] = [text]
                self.place += 1

    def go(self, by: int, flag: bool = True) -> bool:
        """Back or forward, if there is a step. flag: as Streamlit passes it on; without it another request has come before the run began."""
        place = self.place + by
        if not 0 <= place < len(self.history):
            return False
        self.place = place
        self.run(flag=flag)
        return True


def test_a_visit_is_one_step_more(monkeypatch: pytest.MonkeyPatch) -> None:
    visitor = Visitor(monkeypatch)
    visitor.hear()
    assert visitor.history == [None, "1"] and visitor.chosen == "1"


@pytest.mark.parametrize("flag", [True, False], ids=["flagged", "flag dropped"])
@pytest.mark.parametrize("speaks_up", [0, 1, 3])
def test_one_can_leave(monkeypatch: pytest.MonkeyPatch, flag: bool, speaks_up: int) -> None:
    """Whether or not Streamlit says that it was the back button, and however often a component speaks up after it."""
    visitor = Visitor(monkeypatch)
    visitor.hear()
    visitor.go(-1, flag)
    for _ in range(speaks_up):
        visitor.run()
    assert visitor.messages == [] and visitor.shown is None and visitor.place == 0


@pytest.mark.parametrize("flag", [True, False], ids=["flagged", "flag dropped"])
def test_going_back_undoes_a_choice(monkeypatch: pytest.MonkeyPatch, flag: bool) -> None:
    visitor = Visitor(monkeypatch, "2")
    visitor.run("3")
    visitor.hear()
    visitor.run()  # the browser has heard, and says so
    visitor.run()
    visitor.go(-1, flag)
    visitor.run()
    assert (visitor.chosen, visitor.shown, visitor.messages) == ("2", "2", [])
    visitor.go(1, flag)
    visitor.run()
    assert (visitor.chosen, visitor.shown, visitor.messages) == ("3", "3", [])


def test_a_request_from_before_the_choice_does_not_undo_it(monkeypatch: pytest.MonkeyPatch) -> None:
    visitor = Visitor(monkeypatch, "2")
    visitor.run("3")
    for _ in range(5):
        visitor.run()  # asked with the address of before
    assert visitor.chosen == "3" and visitor.messages == ["3"]


def test_a_choice_made_anew_after_going_back_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    visitor = Visitor(monkeypatch, "2")
    visitor.run("3")
    visitor.hear()
    visitor.go(-1)
    visitor.run("3")
    visitor.hear()
    assert visitor.shown == visitor.chosen == "3" and visitor.history == ["2", "3"]


ACTIONS = some.one_of(
    some.tuples(some.just("choose"), some.sampled_from(IMAGES)),
    some.tuples(some.sampled_from(["speak up", "hear", "hear", "back", "forward", "back, interrupted"]), some.none()),
)


@settings(max_examples=300, deadline=None)
@given(some.lists(ACTIONS, max_size=25), some.sampled_from([None, *IMAGES]))
def test_the_newest_choice_wins(actions: list[tuple[str, str | None]], start: str | None) -> None:
    """Whatever comes when: a choice holds until another one or the back button, and only a choice is written."""
    with pytest.MonkeyPatch.context() as patch:
        # crossed: went back while an address was on its way, which then is a step forward; over when the browser has said so
        visitor, crossed = Visitor(patch, start), False
        for action, choice in actions:
            before, waiting = visitor.chosen, len(visitor.messages)
            if action == "choose":
                visitor.run(choice)
                assert crossed or visitor.chosen == choice
                assert len(visitor.messages) <= waiting + 1
                crossed = crossed and waiting > 0
            elif action == "hear":
                visitor.hear()
            elif action == "speak up":
                visitor.run()
                assert crossed or visitor.chosen == before
                assert len(visitor.messages) == waiting
                crossed = crossed and waiting > 0
            else:
                went = visitor.go(1 if action == "forward" else -1)
                if action.endswith("interrupted"):
                    visitor.run()  # the same address, without the flag
                crossed = crossed or (went and waiting > 0)
                assert len(visitor.messages) == waiting
                assert crossed or visitor.chosen == (visitor.shown if went and visitor.shown else before)
        while visitor.messages:
            visitor.hear()
        visitor.run()
        assert visitor.shown in (None, visitor.chosen)  # in the end the address says what is shown, or nothing

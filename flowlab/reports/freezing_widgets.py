"""What widgets show and hold, read from the state that a notebook keeps of them."""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping
from typing import Any

import nbformat

from flowlab.wording import plain_text

VIEW = "application/vnd.jupyter.widget-view+json"
_STATE = "application/vnd.jupyter.widget-state+json"
_NOT_A_VALUE = frozenset(
    {"ButtonModel", "PasswordModel", "FileUploadModel", "LayoutModel", "ControllerModel"}
)
_PICTURES = {"png": "image/png", "jpeg": "image/jpeg", "jpg": "image/jpeg", "gif": "image/gif"}
_DEEPEST = 30  # boxes within boxes


class Widgets:
    """The widgets of a notebook.

    Parameters
    ----------
    saved : mapping
        What the metadata of the notebook holds of them.
    """

    def __init__(self, saved: Mapping[str, Any]) -> None:
        self._models: Mapping[str, Any] = saved.get(_STATE, {}).get("state", {})

    def settings(self, name: str) -> list[Any]:
        """Give one output: the controls of a widget, and how they are set."""
        return _written([part for part in self._parts(name, 0) if isinstance(part, tuple)])

    def shown(self, name: str) -> list[Any]:
        """Give what a widget shows, in its order: text, pictures, values of controls, outputs."""
        made: list[Any] = []
        values: list[tuple[str, str]] = []
        for part in self._parts(name, 0):
            if isinstance(part, tuple):
                values.append(part)
                continue
            made += [*_written(values), part]
            values = []
        made += _written(values)
        if not made:
            return [
                _output("<p><em>(A widget: run the notebook to use it.)</em></p>", "(A widget)")
            ]
        return made

    def _parts(self, name: str, depth: int) -> Iterator[Any]:
        """Give outputs, and of controls their description and value."""
        model = self._models.get(name.removeprefix("IPY_MODEL_"))
        if model is None or depth > _DEEPEST or self._hidden(model["state"]):
            return
        state, kind = model["state"], model["model_name"]
        if "children" in state:
            titles = state.get("titles") or []
            for at, child in enumerate(state["children"]):
                if at < len(titles) and titles[at]:
                    yield _output(f"<h4>{_safe(titles[at])}</h4>", plain_text(str(titles[at])))
                yield from self._parts(child, depth + 1)
        elif kind == "OutputModel":
            for output in state.get("outputs") or []:
                inner = output.get("data", {}).get(VIEW)
                if inner:
                    yield from self._parts(inner.get("model_id", ""), depth + 1)
                else:
                    yield nbformat.from_dict(output)
        elif kind in ("HTMLModel", "HTMLMathModel"):
            if state.get("value"):
                yield _output(str(state["value"]), "(text)")
        elif kind == "ImageModel":
            yield from self._picture(model)
        elif kind not in _NOT_A_VALUE:
            value = _value(state, kind)
            if value:
                yield str(state.get("description") or state.get("placeholder") or ""), value

    def _hidden(self, state: Mapping[str, Any]) -> bool:
        layout: Mapping[str, Any] = self._models.get(
            str(state.get("layout", "")).removeprefix("IPY_MODEL_"), {}
        )
        look = layout.get("state", {})
        return bool(look.get("display") == "none" or look.get("visibility") == "hidden")

    def _picture(self, model: Mapping[str, Any]) -> Iterator[Any]:
        kind = _PICTURES.get(str(model["state"].get("format", "png")).lower())
        for buffer in model.get("buffers", []):
            if kind and list(buffer["path"]) == ["value"] and buffer["data"]:
                data = {kind: buffer["data"], "text/plain": "A picture"}
                yield nbformat.v4.new_output("display_data", data)


def _value(state: Mapping[str, Any], kind: str) -> str:
    value = state.get("value")
    labels = state.get("_options_labels")
    if labels is not None:
        chosen = state.get("index")
        if isinstance(chosen, list | tuple):
            between = " to " if kind == "SelectionRangeSliderModel" else ", "
            return between.join(str(labels[at]) for at in chosen)
        return "" if chosen is None else str(labels[chosen])
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return (" to " if "Range" in kind else ", ").join(map(str, value))
    if isinstance(value, dict):  # a date, whose month counts from 0
        return "-".join(str(v + (k == "month")).zfill(2) for k, v in value.items())
    return "" if value is None else str(value)


def _written(values: list[tuple[str, str]]) -> list[Any]:
    if not values:
        return []
    shown = " · ".join(f"{_safe(name)} <b>{_safe(value)}</b>".strip() for name, value in values)
    plain = "; ".join(f"{plain_text(n)} {plain_text(v)}".strip() for n, v in values)
    return [_output(f"<p class='flowlab-settings'>Settings: {shown}</p>", f"Settings: {plain}")]


def _safe(text: Any) -> str:
    return html.escape(plain_text(str(text)))


def _output(text: str, plain: str) -> Any:
    return nbformat.v4.new_output("display_data", {"text/html": text, "text/plain": plain})

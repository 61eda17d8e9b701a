"""What a store file says of one camera whose pictures we look at ourselves.

Outlines are in shares of the picture from its top left, so that they outlive a change of
resolution.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from aislewatch.events.quantities import DurationUs
from aislewatch_plugins.vision.detecting import DetectorConfig
from aislewatch_plugins.vision.source_config import SourceConfig

_SECOND: Final = 1_000_000
_STRICT = ConfigDict(extra="forbid", frozen=True)

_Text = Annotated[str, Field(min_length=1, max_length=200)]
_Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
_Positive = Annotated[DurationUs, Field(gt=0)]

Point = tuple[_Share, _Share]

_CORNERS_LEAST: Final = 3
_CORNERS_MOST: Final = 100


class ZoneConfig(BaseModel):
    """A part of the picture that is a zone of the shop.

    Attributes:
        outline: its corners in order, as shares of the picture from its top left; 3 to 100.
        use: ``floor`` for where people stand, ``shelf`` for where goods are picked and returned,
            ``kiosk`` for where goods are scanned or bagged.
        loiter: somebody who is in it for so long loiters; 0 tells nobody of it.
    """

    model_config = _STRICT

    outline: Annotated[list[Point], Field(min_length=_CORNERS_LEAST, max_length=_CORNERS_MOST)]
    use: Literal["floor", "shelf", "kiosk"] = "floor"
    loiter: DurationUs = Field(default=0, ge=0)

    @model_validator(mode="after")
    def _has_area(self) -> Self:
        if _area(self.outline) == 0:
            message = "the outline encloses nothing: its corners lie on one line"
            raise ValueError(message)
        if self.loiter and self.use != "floor":
            message = "people loiter on a floor: leave out 'loiter', or say 'use: floor'"
            raise ValueError(message)
        return self


class ProductConfig(BaseModel):
    """Which article a label of the detector is.

    Attributes:
        gtin: GTIN-14, with its check digit.
        sku: the shop's own product number.
        product_class: the class that rules compare; the label itself where not said.
    """

    model_config = _STRICT

    gtin: Annotated[str, Field(pattern=r"^\d{14}$")] | None = None
    sku: _Text | None = None
    product_class: _Text | None = None

    @model_validator(mode="after")
    def _checked(self) -> Self:
        if self.gtin is not None:
            weighted = sum(int(d) * (3, 1)[i % 2] for i, d in enumerate(self.gtin[:13]))
            right = -weighted % 10
            if int(self.gtin[13]) != right:
                message = f"the check digit of {self.gtin} would be {right}; look at the code again"
                raise ValueError(message)
        return self


class LabelsConfig(BaseModel):
    """What the detector's labels mean; a label that is none of these, nor a product, is ignored.

    Attributes:
        people: somebody.
        staff: somebody who is staff, such as by a waistcoat. Without any, no role is told.
        hands: a hand, which says more of picking and concealing than a body does.
        carriers: the shop's baskets and trolleys, in which goods may vanish rightly.
    """

    model_config = _STRICT

    people: list[_Text] = Field(default_factory=lambda: ["person"])
    staff: list[_Text] = Field(default_factory=list)
    hands: list[_Text] = Field(default_factory=lambda: ["hand"])
    carriers: list[_Text] = Field(default_factory=lambda: ["basket"])

    @property
    def all(self) -> list[str]:
        """All that have a meaning here."""
        return [*self.people, *self.staff, *self.hands, *self.carriers]


class TracksConfig(BaseModel):
    """How what is seen in one picture is found again in the next.

    Attributes:
        confirm: in so many pictures something must be seen before it is told.
        gone: who was not seen for so long has left.
        start_score: of a detection that nothing known explains; surer than what follows a track.
        margin: how far outside of a zone somebody must be to have left it, as a share of the
            picture; else a box that trembles would come and go.
    """

    model_config = _STRICT

    confirm: Annotated[int, Field(ge=1, le=100)] = 3
    gone: _Positive = 1 * _SECOND
    start_score: _Share = 0.6
    margin: _Share = 0.02


class HintsConfig(BaseModel):
    """When something that is done with goods is worth telling.

    Attributes:
        settle: goods must be where they are for so long.
        unseen: goods that were in somebody's hands and have not been seen for so long, while the
            person was, were put away.
        reach: so long after a hand was at a shelf, what it holds may come from there.
        sure: hints below this confidence are not told.
    """

    model_config = _STRICT

    settle: _Positive = 500_000
    unseen: _Positive = 1_500_000
    reach: _Positive = 2 * _SECOND
    sure: _Share = 0.4


class FaultsConfig(BaseModel):
    """When a camera counts as blind.

    Attributes:
        frozen: the very same picture for so long.
        dark: no light for so long.
        covered: next to nothing to see for so long.
        moved: another view for so long; people who stand close must not count as one.
        clear: for so long it must be well to be well again.
        learn: so long it looks before it knows its view.
        accept: a view that has been another one for so long is the right one from then on; 0 is
            never, so that somebody has to look at the camera and at its zones.
    """

    model_config = _STRICT

    frozen: _Positive = 10 * _SECOND
    dark: _Positive = 2 * _SECOND
    covered: _Positive = 3 * _SECOND
    moved: _Positive = 10 * _SECOND
    clear: _Positive = 2 * _SECOND
    learn: _Positive = 3 * _SECOND
    accept: DurationUs = Field(default=0, ge=0)


class VisionConfig(BaseModel):
    """The configuration of one camera.

    Attributes:
        source: where its pictures come from.
        key_file: a file of 16 secret bytes or more, from the store file's folder. Tracks are known
            by pseudonyms made with it.
        detector: what finds people and goods in a picture: a model, or ``hog`` for OpenCV's own
            detector of upright people, which needs no model and knows no goods.
        labels: what the detector's labels mean.
        products: by label, which article it is.
        zones: by the id of a zone of the shop, where in the picture it is. Without any, the whole
            view is the zone where the device stands.
        every: pictures that follow another sooner are left out.
        again: somebody who stays, and a count that does not change, is told again so often.
        tracks: how things are followed.
        hints: what is told of goods in hands.
        faults: when it counts as blind.
    """

    model_config = _STRICT

    source: SourceConfig
    key_file: _Text
    detector: DetectorConfig | Literal["hog"] = Field(default_factory=DetectorConfig)
    labels: LabelsConfig = Field(default_factory=LabelsConfig)
    products: dict[_Text, ProductConfig] = Field(default_factory=dict)
    zones: dict[_Text, ZoneConfig] = Field(default_factory=dict)
    every: DurationUs = Field(default=100_000, ge=0)
    again: _Positive = 5 * _SECOND
    tracks: TracksConfig = Field(default_factory=TracksConfig)
    hints: HintsConfig = Field(default_factory=HintsConfig)
    faults: FaultsConfig = Field(default_factory=FaultsConfig)

    @model_validator(mode="after")
    def _one_meaning(self) -> Self:
        meanings = [*self.labels.all, *self.products]
        twice = sorted({label for label in meanings if meanings.count(label) > 1})
        if twice:
            message = f"the label {twice[0]!r} has two meanings; give it one"
            raise ValueError(message)
        return self


def _area(outline: list[Point]) -> float:
    pairs = zip(outline, (*outline[1:], outline[0]), strict=True)
    return abs(sum(ax * by - bx * ay for (ax, ay), (bx, by) in pairs))

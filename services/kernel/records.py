"""The mesh's records: the Avro schemas of `schemas/` as values. Fields, units and meaning are documented there.

The schemas are the source of truth; `tests/kernel/test_records.py` holds this module against them both ways.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID


class Stage(StrEnum):
    """Where in the chain an item was photographed."""

    RECEIVE = "RECEIVE"
    STOW = "STOW"
    PICK = "PICK"
    SORT = "SORT"
    PACK = "PACK"
    SHIP = "SHIP"


class Severity(StrEnum):
    """How bad damage is: none, minor (sellable at a discount) or major."""

    NONE = "NONE"
    MINOR = "MINOR"
    MAJOR = "MAJOR"


class Verdict(StrEnum):
    """What a person found."""

    INTACT = "INTACT"
    DAMAGED = "DAMAGED"


class ImageRole(StrEnum):
    """What an image shows: colour, or depth in millimetres as 16-bit grey."""

    RGB = "RGB"
    DEPTH = "DEPTH"


class IdentityMethod(StrEnum):
    """How a product was recognised: the scanned barcode agreed with the picture, the tote's manifest held it, the whole catalogue was searched, or none of these."""

    BARCODE = "BARCODE"
    MANIFEST = "MANIFEST"
    SEARCH = "SEARCH"
    NONE = "NONE"


class BarcodeCheck(StrEnum):
    """The scanned barcode against the picture: none was read; the picture agrees; nothing to hold it against; it shows another product; it shows none that is known, and not this one; no product has this barcode."""

    NONE_READ = "NONE_READ"
    AGREES = "AGREES"
    UNCHECKED = "UNCHECKED"
    WRONG = "WRONG"
    DOUBTED = "DOUBTED"
    UNKNOWN = "UNKNOWN"


class CauseKind(StrEnum):
    """What made a revision: a capture or a person's label."""

    CAPTURE = "CAPTURE"
    LABEL = "LABEL"


class EventKind(StrEnum):
    """What a damage event says: detected by the mesh, confirmed by a person, or taken back."""

    DETECTED = "DETECTED"
    CONFIRMED = "CONFIRMED"
    RETRACTED = "RETRACTED"


class SidelineAction(StrEnum):
    """What becomes of an item: stays on the belt, is pulled off as damaged, is pulled off at random to be labelled, is put back after a person's verdict, was decided too late to be pulled, or was over the budget."""

    PASS = "PASS"  # noqa: S105 (no password)
    SIDELINE = "SIDELINE"
    SAMPLE = "SAMPLE"
    RELEASE = "RELEASE"
    LATE = "LATE"
    OVER_BUDGET = "OVER_BUDGET"


class RequestStatus(StrEnum):
    """State of a replacement request."""

    REQUESTED = "REQUESTED"
    CANCELLED = "CANCELLED"


class DispositionAction(StrEnum):
    """What is done with a sidelined item."""

    RESELL = "RESELL"
    DISCOUNT = "DISCOUNT"
    REFURBISH = "REFURBISH"
    RETURN_TO_VENDOR = "RETURN_TO_VENDOR"
    DONATE = "DONATE"
    DISPOSE = "DISPOSE"
    INSPECT = "INSPECT"


class Fit(StrEnum):
    """How an item looks beside references: the same print with nothing changed, the same print changed somewhere, another print, or there was nothing to hold it against."""

    SAME = "SAME"
    CHANGED = "CHANGED"
    OTHER = "OTHER"
    UNSEEN = "UNSEEN"


class TrialState(StrEnum):
    """What has become of a look under trial: watched, proposed to people, promoted into the gallery, or refused."""

    WATCHED = "WATCHED"
    PROPOSED = "PROPOSED"
    PROMOTED = "PROMOTED"
    REFUSED = "REFUSED"


class GalleryEvent(StrEnum):
    """What happened to a product's gallery."""

    ENROLLED = "ENROLLED"
    PROPOSED = "PROPOSED"
    PROMOTED = "PROMOTED"
    REFUSED = "REFUSED"
    RETIRED = "RETIRED"
    UNDONE = "UNDONE"


class GalleryAction(StrEnum):
    """What a person asks of a product's gallery."""

    PROMOTE = "PROMOTE"
    REFUSE = "REFUSE"
    RETIRE = "RETIRE"
    UNDO = "UNDO"


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What was photographed, where and when; travels unchanged with every event about the capture."""

    capture_id: UUID
    item_id: str
    tote_id: str | None = None
    station_id: str
    center_id: str
    stage: Stage
    barcode: str | None = None
    captured_at: datetime
    deadline_at: datetime
    enrol_product_id: str | None = None
    lot_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """One stored image of a capture (claim check)."""

    camera: str
    role: ImageRole
    width: int
    height: int
    media_type: str
    size: int
    key: str
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Capture:
    """station.captures: a station's images of one item are durable and wait to be inspected."""

    subject: Subject
    received_at: datetime
    images: tuple[Image, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """Outputs of the damage classifier for a capture, each a probability in [0, 1], the largest over its images."""

    damaged: float
    major: float
    deformation: float
    actuation: float
    deconstruction: float
    penetration: float
    superficial: float
    spillage: float
    missing_unit: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Matter:
    """Something that lies beside the item, as the picture that shows it best says it."""

    logit: float
    lightness: float
    a: float
    b: float
    share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """What could spill out of a product."""

    kind: str
    red: int
    green: int
    blue: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """captures.inspected and gallery.enrolments: what the models saw, without knowing the product."""

    subject: Subject
    scores: Scores
    embedding: bytes
    features_key: str
    versions: Mapping[str, str] = field(default_factory=dict)
    inspected_at: datetime
    matter: Matter | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A product that a picture may show."""

    product_id: str
    confidence: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Identification:
    """captures.identified: which product the capture shows."""

    subject: Subject
    scores: Scores
    features_key: str
    product_id: str | None = None
    method: IdentityMethod
    confidence: float
    candidates: tuple[Candidate, ...] = ()
    order_line_id: str | None = None
    versions: Mapping[str, str] = field(default_factory=dict)
    matter: Matter | None = None
    scanned_product_id: str | None = None
    barcode_check: BarcodeCheck = BarcodeCheck.UNCHECKED


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """The capture against its product's references, each picture laid over the reference that it fits best."""

    foreign: float
    missing: float
    references: int
    gallery_version: int
    heat: bytes
    changed_logit: float | None = None
    missing_logit: float | None = None
    mismatch_logit: float | None = None
    inliers: int | None = None
    image: int | None = None
    reference_id: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductFacts:
    """Catalogue facts as they were when the capture was judged."""

    vendor_id: str
    category: str
    material: str
    unit_count: int
    price_cents: int
    hazardous: bool
    contents: Contents | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class InspectionResult:
    """inspection.results: everything the models can say about the capture; key: item."""

    subject: Subject
    scores: Scores
    product_id: str | None = None
    method: IdentityMethod
    confidence: float
    candidates: tuple[Candidate, ...] = ()
    order_line_id: str | None = None
    comparison: Comparison | None = None
    product: ProductFacts | None = None
    versions: Mapping[str, str] = field(default_factory=dict)
    matter: Matter | None = None
    scanned_product_id: str | None = None
    barcode_check: BarcodeCheck = BarcodeCheck.UNCHECKED


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What an assessment counted for, so that its successor can take it back."""

    vendor_id: str | None = None
    product_id: str | None = None
    material: str | None = None
    stage: Stage
    captured_at: datetime
    damaged: bool
    severity: Severity
    defect_types: tuple[str, ...] = ()
    looks: int = 0
    earlier_damaged: Stage | None = None
    earlier_intact: Stage | None = None
    judged_at: datetime | None = None
    wrong_barcode: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """What made one revision."""

    revision: int
    cause_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Assessment:
    """damage.assessments: what the mesh holds to be true of an item, one per revision; key: item. A higher revision replaces a lower one."""

    assessment_id: UUID
    item_id: str
    revision: int
    cause: CauseKind
    cause_id: UUID
    subject: Subject
    product_id: str | None = None
    product: ProductFacts | None = None
    order_line_id: str | None = None
    scores: Scores
    comparison: Comparison | None = None
    candidates: tuple[Candidate, ...] = ()
    probability: float
    damaged: bool
    tolerated: bool
    severity: Severity
    defect_types: tuple[str, ...] = ()
    verdict: Verdict | None = None
    annotator: str | None = None
    reason: str
    outcome: Outcome
    previous: Outcome | None = None
    history: tuple[Cause, ...] = ()
    versions: Mapping[str, str] = field(default_factory=dict)
    assessed_at: datetime
    gift: bool = False
    incomplete: bool = False
    expected_units: int | None = None
    miss_cost_cents: int | None = None
    disputed: bool = False
    labelled_at: datetime | None = None
    matter: Matter | None = None
    foreign_matter: bool = False
    foreignness: float | None = None
    scanned_product_id: str | None = None
    barcode_check: BarcodeCheck = BarcodeCheck.UNCHECKED
    identified_by: str | None = None
    identified_at: datetime | None = None
    former_order_line_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DamageEvent:
    """damage.events: an item is damaged, or is not after all; key: item. What other systems subscribe to."""

    event_id: UUID
    item_id: str
    revision: int
    kind: EventKind
    assessment_id: UUID
    capture_id: UUID
    center_id: str
    stage: Stage
    product_id: str | None = None
    vendor_id: str | None = None
    probability: float
    severity: Severity
    defect_types: tuple[str, ...] = ()
    reason: str
    captured_at: datetime
    incomplete: bool = False
    disputed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Labelling:
    """How probable it was, when an item was decided on, that it would be pulled and so be labelled."""

    at: datetime
    threshold: float
    threshold_version: int
    score: float
    probability: float
    candidate_rate: float
    border: float | None = None
    border_rate: float
    sample_rate: float
    model: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SidelineDecision:
    """sideline.decisions: what was decided about an item on the belt, for every assessment; key: item."""

    decision_id: UUID
    item_id: str
    revision: int
    assessment_id: UUID
    center_id: str
    stage: Stage
    action: SidelineAction
    probability: float
    threshold: float
    threshold_version: int
    reason: str
    deadline_at: datetime
    decided_at: datetime
    labelling: Labelling | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SidelineCommand:
    """sideline.commands: an item leaves the belt, or comes back; key: item. Nothing is sent for items that pass."""

    command_id: UUID
    item_id: str
    revision: int
    action: SidelineAction
    assessment_id: UUID
    center_id: str
    stage: Stage
    product_id: str | None = None
    product: ProductFacts | None = None
    order_line_id: str | None = None
    damaged: bool
    severity: Severity
    defect_types: tuple[str, ...] = ()
    verdict: Verdict | None = None
    reason: str
    deadline_at: datetime
    decided_at: datetime
    labelling: Labelling | None = None
    former_order_line_ids: tuple[str, ...] = ()
    barcode_check: BarcodeCheck = BarcodeCheck.UNCHECKED


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What one item says of an order line: its newest revision, and whether it wants a replacement."""

    item_id: str
    revision: int
    wanted: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplacementRequest:
    """replacement.requests: another unit is wanted for an order line; key: order line, the newest counts."""

    request_id: UUID
    order_line_id: str
    order_id: str
    item_id: str
    revision: int
    product_id: str
    quantity: int
    status: RequestStatus
    claims: tuple[Claim, ...] = ()
    reason: str
    decided_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Disposition:
    """disposition.decisions: what is done with a sidelined item; key: item, the newest counts."""

    disposition_id: UUID
    item_id: str
    revision: int
    product_id: str | None = None
    action: DispositionAction
    discount_percent: int
    price_cents: int | None = None
    reason: str
    decided_at: datetime
    task: str = ""
    confirmed: bool = False
    previous_action: DispositionAction | None = None
    policy_id: str | None = None
    policy_version: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class VendorCell:
    """Counts of one product, packaging and stage within one window."""

    product_id: str
    material: str
    stage: Stage
    items: int
    damaged: int
    major: int
    by_type: Mapping[str, int] = field(default_factory=dict)
    first_seen: Mapping[str, int] = field(default_factory=dict)
    intact_at: Mapping[str, int] = field(default_factory=dict)
    arrived: int = 0
    wrong_barcodes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class VendorEvidence:
    """A damaged item behind a supplier's counts."""

    item_id: str
    revision: int
    assessment_id: UUID
    capture_id: UUID
    captured_at: datetime
    material: str
    stage: Stage
    count: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class VendorPartial:
    """vendors.partials (internal): what one assessment changes in the counts of a supplier's product. vendors.windows (internal): the sum of these in one window; replaces its predecessor."""

    vendor_id: str
    window_start: datetime
    partition: int
    applied_offset: int
    recent: tuple[str, ...] = ()
    cells: tuple[VendorCell, ...] = ()
    product_id: str = ""
    category: str = ""
    delta: bool = False
    applied: Mapping[str, int] = field(default_factory=dict)
    evidence: tuple[VendorEvidence, ...] = ()
    window: str = "hour"


@dataclass(frozen=True, slots=True, kw_only=True)
class VendorType:
    """Damage of one type within a supplier's row."""

    type: str
    damaged: int
    damaged_per_million: float
    expected_per_million: float
    lower_per_million: float
    upper_per_million: float


@dataclass(frozen=True, slots=True, kw_only=True)
class VendorChange:
    """A product at one stage in the 28 days before and after its packaging was redesigned, whatever the material."""

    since: datetime
    before_items: int
    before_damaged: int
    after_items: int
    after_damaged: int
    before_per_million: float
    after_per_million: float
    probability_worse: float


@dataclass(frozen=True, slots=True, kw_only=True)
class VendorRobustness:
    """vendor.robustness: damage of a supplier's product in one packaging at one stage, in a window of event time; key: vendor|product|packaging|stage|window|start; replaces its predecessor."""

    vendor_id: str
    window_start: datetime
    window_seconds: int
    items: int
    damaged: int
    damaged_per_million: float
    lower_per_million: float
    upper_per_million: float
    cells: tuple[VendorCell, ...] = ()
    applied: Mapping[str, int] = field(default_factory=dict)
    window: str = "hour"
    product_id: str = ""
    material: str = ""
    stage: Stage | None = None
    category: str = ""
    major: int = 0
    expected_per_million: float = 0.0
    prior_per_million: float = 0.0
    prior_items: float = 0.0
    types: tuple[VendorType, ...] = ()
    first_seen: Mapping[str, int] = field(default_factory=dict)
    arrived: int = 0
    intact_at: Mapping[str, int] = field(default_factory=dict)
    evidence: tuple[VendorEvidence, ...] = ()
    change: VendorChange | None = None
    wrong_barcodes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """review.labels: what a person found; key: item."""

    label_id: UUID
    item_id: str
    verdict: Verdict
    severity: Severity
    defect_types: tuple[str, ...] = ()
    product_id: str | None = None
    annotator: str
    labelled_at: datetime
    identity_only: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ThresholdStep:
    """One earlier state of a threshold."""

    version: int
    threshold: float
    border: float | None = None
    border_rate: float
    cause: str
    effective_at: datetime | None = None
    model: str = ""
    evidence_from: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Threshold:
    """calibration.thresholds: sideline at or above this probability; key: center|stage|group."""

    center_id: str
    stage: Stage
    group: str
    threshold: float
    version: int
    budget: float
    intact_labels: int
    false_positive_upper: float
    reason: str
    decided_at: datetime
    previous_threshold: float | None = None
    cause: str = ""
    confirmed: bool = False
    pinned: bool = False
    border: float | None = None
    border_rate: float = 0.0
    intact_sidelined: int = 0
    intact_weight: float = 0.0
    confidence: float = 0.0
    effective_at: datetime | None = None
    evidence_from: datetime | None = None
    history: tuple[ThresholdStep, ...] = ()
    model: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelVersion:
    """models.versions: what is known of a version of a network before it serves; key: model|version."""

    model: str
    version: str
    threshold: float | None = None
    share: float | None = None
    promoted_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """policies.tolerability: damage that is let pass; key: policy id. The most specific one that fits decides."""

    policy_id: str
    category: str | None = None
    material: str | None = None
    stages: tuple[Stage, ...] = ()
    tolerated_types: tuple[str, ...] = ()
    up_to: Severity
    judge_at: float
    reason: str
    version: int = 0
    priority: int = 0
    categories: tuple[str, ...] = ()
    materials: tuple[str, ...] = ()
    hazardous: bool | None = None
    gift: bool | None = None
    never_types: tuple[str, ...] = ()
    foreign_up_to: float | None = None
    incomplete_at: float | None = None
    harms: str = ""
    miss_cost_cents: Mapping[str, int] = field(default_factory=dict)
    discount_percent: Mapping[str, int] = field(default_factory=dict)
    applied_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """catalog.products; key: product."""

    product_id: str
    title: str
    barcode: str | None = None
    vendor_id: str
    category: str
    material: str
    unit_count: int
    price_cents: int
    hazardous: bool
    packaging_since: datetime | None = None
    contents: Contents | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Vendor:
    """vendors.profiles; key: vendor."""

    vendor_id: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderLine:
    """orders.lines; key: order line. Dies by tombstone."""

    order_line_id: str
    order_id: str
    product_id: str
    quantity: int
    promised_at: datetime
    gift: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestEntry:
    """What a tote should hold of one product."""

    product_id: str
    order_line_id: str | None = None
    quantity: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """totes.manifests: what a tote should hold; key: tote."""

    tote_id: str
    entries: tuple[ManifestEntry, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldLine:
    """An order line that an item of a tote is for."""

    item_id: str
    order_line_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ToteLines:
    """totes.lines: which item of a tote is for which order line, where the tote holds one product for several; key: tote, the newest counts."""

    tote_id: str
    held: tuple[HeldLine, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """One pristine reference of a product."""

    reference_id: UUID
    features_key: str
    embedding: bytes
    enrolled_at: datetime
    item_id: str | None = None
    trial_id: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Gallery:
    """gallery.references: a product's whole reference list; key: product."""

    product_id: str
    version: int
    encoder: str
    references: tuple[Reference, ...] = ()
    confirmed: bool = True
    reason: str = ""
    decided_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """gallery.sightings (internal): an item that bears on its product's gallery; key: product. A higher revision of an item replaces a lower one."""

    product_id: str
    item_id: str
    revision: int
    capture_id: UUID
    captured_at: datetime
    tote_id: str | None = None
    lot_id: str | None = None
    encoder: str
    fit: Fit
    reference_id: UUID | None = None
    damaged: float
    missing_unit: float
    unit_count: int
    rival: str | None = None
    verdict: Verdict | None = None
    verdict_types: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """Items of a product that look like each other and not like its references."""

    trial_id: UUID
    state: TrialState
    members: tuple[Sighting, ...] = ()
    shown: tuple[Reference, ...] = ()
    asked: Mapping[str, int] = field(default_factory=dict)
    agreed: Mapping[str, int] = field(default_factory=dict)
    opened_at: datetime
    last_at: datetime
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GalleryStep:
    """One version of a product's gallery."""

    version: int
    encoder: str
    references: tuple[UUID, ...] = ()
    confirmed: bool
    event: GalleryEvent
    cause: str
    reason: str
    decided_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class GalleryChange:
    """gallery.changes: what happened to a product's gallery, and why; key: product."""

    change_id: UUID
    product_id: str
    event: GalleryEvent
    cause: str
    version: int
    trial_id: UUID | None = None
    added: tuple[UUID, ...] = ()
    removed: tuple[UUID, ...] = ()
    items: int = 0
    totes: int = 0
    lots: int = 0
    odds: Mapping[str, float] = field(default_factory=dict)
    reason: str
    command_id: UUID | None = None
    decided_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class GalleryLedger:
    """gallery.ledgers (internal): how a product's gallery came to be, and what is under trial; key: product. Replaces its predecessor."""

    product_id: str
    applied: int
    recent: tuple[str, ...] = ()
    trials: tuple[Trial, ...] = ()
    steps: tuple[GalleryStep, ...] = ()
    shelf: tuple[Reference, ...] = ()
    gone: tuple[UUID, ...] = ()
    newest: GalleryChange | None = None
    unmatched: Mapping[str, int] = field(default_factory=dict)
    matched_at: Mapping[str, datetime] = field(default_factory=dict)
    lots: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class GalleryCommand:
    """gallery.commands: what a person asks of a product's gallery; key: product."""

    command_id: UUID
    product_id: str
    action: GalleryAction
    target: str | None = None
    reason: str
    operator: str
    asked_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SidelineBudget:
    """sideline.budgets (internal): who was admitted in one hour; key: center|stage|hour. Replaces its predecessor."""

    center_id: str
    stage: Stage
    hour_start: datetime
    admitted: tuple[str, ...] = ()
    sampled: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()
    seen: tuple[int, ...] = ()
    taken: tuple[int, ...] = ()
    by_people: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledOutcome:
    """calibration.outcomes (internal): a pulled item, how probable its label was, and what the person found; key: item|stage."""

    item_id: str
    revision: int
    center_id: str
    stage: Stage
    group: str
    probability: float
    damaged: bool
    weight: float
    labelled: bool = True
    pulled_revision: int = 0
    labelling: Labelling | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Quarantined:
    """<topic>.<service>.quarantine: an event that could not be processed, with all that is needed to send it again."""

    service: str
    topic: str
    partition: int
    offset: int
    key: bytes | None = None
    value: bytes | None = None
    value_key: str | None = None
    headers: Mapping[str, bytes] = field(default_factory=dict)
    reason: str
    message: str
    quarantined_at: datetime


#: Any record, where only its class matters.
Record = Any

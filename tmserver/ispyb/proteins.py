"""Proteins: the specimens of a proposal."""

from typing import Literal

from pydantic import Field

from tmlib.facility import specimens
from tmlib.facility.specimens import SpecimenFilter, SpecimenRow
from tmserver.access import UserAccess
from tmserver.http.paging import Part
from tmserver.http.routing import Routes
from tmserver.http.schemas import Text
from tmserver.ispyb.forms import Model, Number, PageQuery, ProposalName
from tmserver.ispyb.looking import looking

routes = Routes("Proteins")


class ComponentType(Model):
    """What kind of specimen it is."""

    component_type_id: int
    name: str = Field(examples=["Cell line"])


class ProteinMetaData(Model):
    """What belongs to a specimen; ``crystals`` are its experiments."""

    pdbs: int = 0
    crystals: int
    samples: int
    datacollections: int


class Protein(Model):
    """A specimen."""

    name: str = Field(examples=["HeLa, H2B-GFP"])
    acronym: str = Field(examples=["Screen 1"])
    proposal_id: int
    sequence: str | None = Field(examples=["MPEPAKSAPA"])
    density: float | None
    molecular_mass: float | None
    containment_level: str | None = Field(examples=["1"])
    hazard_group: str | None = Field(examples=["1"])
    safety_level: str | None = Field(examples=["GREEN"])
    component_type: ComponentType | None = Field(alias="ComponentType")
    protein_id: int
    metadata: ProteinMetaData = Field(alias="_metadata")


class WhichProteins(PageQuery):
    """Asks for specimens that fit all that is given; they are sorted if order is given as well."""

    protein_id: Number | None = None
    proposal: ProposalName | None = None
    search: Text | None = None
    order_by: specimens.Order | None = Field(None, alias="order_by")
    order: Literal["asc", "desc"] | None = None


@routes.get("/proteins", permits="user")
def get_proteins(access: UserAccess, query: WhichProteins) -> Part[Protein]:
    """List specimens."""
    which = SpecimenFilter(query.protein_id, query.proposal, query.search)
    is_sorted = query.order_by is not None and query.order is not None
    with looking(access) as (session, viewer):
        found = specimens.list_specimens(
            session,
            viewer,
            query.window,
            which,
            order_by=(query.order_by if is_sorted else None) or "proteinId",
            descending=is_sorted and query.order == "desc",
        )
        return Part([_protein(row) for row in found.rows], found.total)


@routes.get("/proteins/<protein_id>", permits="user", raises=(404,))
def get_protein(access: UserAccess, protein_id: int) -> Protein:
    """Get a specimen."""
    with looking(access) as (session, viewer):
        return _protein(specimens.get_specimen(session, viewer, protein_id))


def _protein(row: SpecimenRow) -> Protein:
    one = row.specimen
    names = ("name", "acronym", "proposal_id", "sequence", "density", "molecular_mass")
    levels = ("containment_level", "hazard_group", "safety_level")
    return Protein(
        **{name: getattr(one, name) for name in (*names, *levels)},
        component_type=None
        if one.component_type_id is None
        else ComponentType(component_type_id=one.component_type_id, name=one.component_type or ""),
        protein_id=one.id,
        metadata=ProteinMetaData(
            crystals=row.n_experiments,
            samples=row.n_samples,
            datacollections=row.n_collections,
        ),
    )

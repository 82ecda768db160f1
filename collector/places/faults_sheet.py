"""What units of a file cannot be, said at the cells that say so. Pure."""

from collections.abc import Sequence

from collector.places.places import Fault
from collector.places.units_sheet import Units
from collector.places.villages_sheet import Villages
from collector.registry.cells import written
from collector.registry.sheet import SheetError


def placed(faults: Sequence[Fault], sheet: Villages | Units) -> SheetError:
    """The faults of an import, each at its cell; of what was imported before, by its path."""
    said = []
    for fault in faults:
        row = sheet.rows.get((fault.unit.path, written(fault.unit.valid_from)))
        column = "commune" if fault.column == "parent" and isinstance(sheet, Villages) else fault.column
        said.append(row.fault(column, fault.what) if row else f"{fault.unit.path}, imported before: {fault.what}")
    return SheetError(said)

"""How usage, invoices and forecasts of a store are shown."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from gitstore.billing.ledger_rows import spell_ref
from gitstore.billing.money import format_money
from gitstore.billing.periods import format_time
from gitstore.cli import output
from gitstore.text import counted

if TYPE_CHECKING:
    from gitstore.billing.forecast import RemovalForecast
    from gitstore.billing.invoice import Invoice, InvoiceLine
    from gitstore.billing.meter import BilledRef
    from gitstore.billing.periods import Period
    from gitstore.billing.usage import UsageLine

_HOUR = 3600


def usage_json(lines: Sequence[UsageLine], period: Period | None, *, currency: str) -> dict[str, Any]:
    """What a store uses, now or over a period."""
    return {
        "since": format_time(period.since) if period is not None else None,
        "until": format_time(period.until) if period is not None else None,
        "currency": currency,
        "bytes": sum(line.bytes for line in lines),
        "byte_seconds": sum(line.byte_seconds for line in lines) if period is not None else None,
        "cost": sum(line.cost for line in lines),
        "lines": [_usage_line_json(line, is_period=period is not None) for line in lines],
    }


def _usage_line_json(line: UsageLine, *, is_period: bool) -> dict[str, Any]:
    is_model = not line.subject.ref
    kind, name = spell_ref(line.subject.ref)
    return {
        "model": _spell_model(line.subject),
        "kind": None if is_model else kind,
        "name": None if is_model else name,
        "ref": line.subject.ref or None,
        "tag": line.subject.snapshot,
        "bytes": line.bytes,
        "seconds": line.seconds if is_period else None,
        "byte_seconds": line.byte_seconds if is_period else None,
        "cost": line.cost,
    }


def show_usage(lines: Sequence[UsageLine], period: Period | None, *, currency: str) -> None:
    """The same for a person: a line for each model, or for each ref of one model."""
    by_ref = any(line.subject.ref for line in lines)
    header = ["MODEL", *(["KIND", "NAME"] if by_ref else []), "BYTES"]
    header += ["HOURS", "BYTE-SECONDS", "COST"] if period is not None else ["COST A MONTH"]
    first_number = header.index("BYTES")
    rows = []
    for line in lines:
        row = [_spell_model(line.subject), *(spell_ref(line.subject.ref) if by_ref else ())]
        row.append(f"{line.bytes:,}")
        if period is not None:
            row += [_format_hours(line.seconds), f"{line.byte_seconds:,}"]
        rows.append([*row, format_money(line.cost)])
    total = ["total", *[""] * (first_number - 1), f"{sum(line.bytes for line in lines):,}"]
    if period is not None:
        total += ["", f"{sum(line.byte_seconds for line in lines):,}"]
    total.append(format_money(sum(line.cost for line in lines), currency))
    output.print_table(header, [*rows, total], right=range(first_number, len(header)))


def invoice_json(invoice: Invoice) -> dict[str, Any]:
    """An invoice; money in micro-units."""
    return {
        "owner": invoice.owner,
        "since": format_time(invoice.period.since),
        "until": format_time(invoice.period.until),
        "currency": invoice.currency,
        "total": invoice.total,
        "lines": [_invoice_line_json(line) for line in invoice.lines],
    }


def _invoice_line_json(line: InvoiceLine) -> dict[str, Any]:
    metered, period = line.metered, line.priced.period
    kind, name = spell_ref(metered.subject.ref)
    return {
        "model": _spell_model(metered.subject),
        "kind": kind,
        "name": name,
        "ref": metered.subject.ref,
        "tag": metered.subject.snapshot,
        "since": format_time(period.since),
        "until": format_time(period.until),
        "bytes": metered.average,
        "seconds": metered.seconds,
        "hours": round(metered.seconds / _HOUR, 4),
        "byte_seconds": metered.byte_seconds,
        "price": line.priced.price.text if line.priced.price is not None else None,
        "amount": line.amount,
    }


def show_invoices(invoices: Sequence[Invoice]) -> None:
    """Invoices for a person: a table for each owner."""
    for number, invoice in enumerate(invoices):
        if number:
            output.print_data("")
        period = invoice.period
        output.print_data(f"{invoice.owner}, {format_time(period.since)} to {format_time(period.until)}")
        header = ["MODEL", "KIND", "NAME", "BYTES", "HOURS", "BYTE-SECONDS", "PRICE", "AMOUNT"]
        rows = [
            [
                line.metered.subject.model,
                *spell_ref(line.metered.subject.ref),
                f"{line.metered.average:,}",
                _format_hours(line.metered.seconds),
                f"{line.metered.byte_seconds:,}",
                line.priced.price.text if line.priced.price is not None else "none",
                format_money(line.amount),
            ]
            for line in invoice.lines
        ]
        total = ["total", *[""] * 6, format_money(invoice.total, invoice.currency)]
        output.print_table(header, [*rows, total], right=[3, 4, 5, 6, 7])


def invoices_csv(invoices: Sequence[Invoice]) -> str:
    """Invoices as CSV (RFC 4180, with the ends of lines of Unix): names first, then a line for each line."""
    text = io.StringIO()
    names = ["owner", "model", "kind", "name", "ref", "tag", "since", "until", "bytes", "seconds", "hours"]
    names += ["byte_seconds", "price", "currency", "amount", "micro_units"]
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    for invoice in invoices:
        for line in invoice.lines:
            values = _invoice_line_json(line)
            money = {"amount": format_money(line.amount), "micro_units": line.amount}
            row = values | money | {"owner": invoice.owner, "currency": invoice.currency}
            writer.writerow({name: _defuse(row[name]) for name in names})
    return text.getvalue().removesuffix("\n")


def _defuse(value: object) -> object:
    """Quote a text that a spreadsheet would take for a formula. Names may begin with such characters."""
    is_formula = isinstance(value, str) and value.startswith(("=", "+", "-", "@"))
    return f"'{value}" if is_formula else value


def forecast_json(
    months: Sequence[tuple[str, int]], removal: RemovalForecast | None, *, currency: str
) -> dict[str, Any]:
    """What the current month will cost, and what a removal would save a month."""
    saved = None
    if removal is not None:
        owners = [{"owner": one.owner, "bytes": one.bytes, "cost": one.cost} for one in removal.owners]
        saved = {"bytes": removal.bytes, "cost": removal.cost, "owners": owners}
    return {
        "currency": currency,
        "months": [{"owner": owner, "cost": cost} for owner, cost in months],
        "removal": saved,
    }


def show_months(months: Sequence[tuple[str, int]], *, currency: str) -> None:
    """What the current month will cost each owner."""
    total = format_money(sum(cost for _, cost in months), currency)
    rows = [[owner, format_money(cost)] for owner, cost in months]
    output.print_table(["OWNER", "THIS MONTH"], [*rows, ["total", total]], right=[1])


def show_removal(removal: RemovalForecast, *, currency: str) -> None:
    """What a removal would save, and who would pay more."""
    output.print_data(
        f"saves {counted(removal.bytes, 'byte')}, {format_money(removal.cost, currency)} a month"
    )
    for owner in removal.owners:
        if owner.bytes < 0:
            more = format_money(-owner.cost, currency)
            size = counted(-owner.bytes, "byte")
            output.print_data(f"{owner.owner} would be charged {size} more, {more} a month")


def _spell_model(subject: BilledRef) -> str:
    return f"{subject.owner}/{subject.model}"


def _format_hours(seconds: int) -> str:
    return f"{seconds / _HOUR:,.2f}"

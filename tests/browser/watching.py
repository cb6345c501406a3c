"""What a page does beside showing itself: errors, dialogs, what its own policy refuses, and every request."""

from dataclasses import dataclass, field

from playwright.sync_api import BrowserContext, ConsoleMessage, Dialog

# The console tells of most violations of a page's policy, the event of all.
TELL_OF_REFUSALS = """
addEventListener("securitypolicyviolation", (event) => {
  console.error(`refused by the policy of the page: ${event.violatedDirective} ${event.blockedURI}`);
});
"""
WITHIN_THE_PAGE = ("data:", "blob:")


@dataclass(frozen=True)
class Seen:
    """What the pages of one context did.

    Attributes:
        complaints: Errors and warnings of the console, uncaught errors, dialogs.
        requests: Address of everything that was asked for, but for what lies within the page itself.
    """

    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)


def watch(context: BrowserContext) -> Seen:
    """Return a record that fills while the pages of the context run."""
    seen = Seen()
    context.add_init_script(TELL_OF_REFUSALS)
    context.on("console", lambda message: _note_console(seen, message))
    context.on("dialog", lambda dialog: _note_dialog(seen, dialog))
    context.on("weberror", lambda error: seen.complaints.append(f"error: {error.error}"))
    context.on("request", lambda request: _note_request(seen, request.url))
    return seen


def _note_console(seen: Seen, message: ConsoleMessage) -> None:
    if message.type in ("error", "warning", "assert"):
        seen.complaints.append(f"console {message.type}: {message.text}")


def _note_dialog(seen: Seen, dialog: Dialog) -> None:
    seen.complaints.append(f"dialog: {dialog.message}")
    dialog.dismiss()


def _note_request(seen: Seen, address: str) -> None:
    if not address.startswith(WITHIN_THE_PAGE):
        seen.requests.append(address)

"""What the sites are made of at the start, as plain data: other ids everywhere."""

from __future__ import annotations

from dataclasses import dataclass

SPRINT = "com.pyxis.greenhopper.jira:gh-sprint"
REQUEST_TYPE = "com.atlassian.servicedesk:vp-origin"
ORGANIZATIONS = "com.atlassian.servicedesk:sd-customer-organizations"
SLA = "com.atlassian.servicedesk:sd-sla-field"
# A field of some app that the sandbox knows nothing of but how its values read.
THING = "com.example.plugin:thing"


@dataclass(frozen=True)
class SiteSeed:
    """What differs from site to site."""

    name: str
    title: str
    time_zone: str
    first_id: int
    types: tuple[tuple[str, str], ...]
    statuses: tuple[tuple[str, str, str], ...]
    moves: tuple[tuple[str, str, str, str], ...]
    priorities: tuple[tuple[str, str, str, str], ...]
    custom: tuple[tuple[int, str, str, tuple[str, ...]], ...]
    # Custom fields that only few types show; "A: B, C" is an option with children.
    rarer: tuple[tuple[int, str, str, tuple[str, ...]], ...]
    projects: tuple[tuple[str, str, str], ...]
    hidden: tuple[tuple[str, str, str], ...]
    required: tuple[tuple[str, str, str], ...]
    issues: tuple[tuple[str, str, str, str, str, tuple[str, ...]], ...]
    # Id and name, and the project's key where it is a project's.
    components: tuple[tuple[str, str, str], ...]
    versions: tuple[tuple[str, str, str, str], ...]
    sprints: tuple[tuple[int, str, str], ...]
    levels: tuple[tuple[str, str], ...]
    groups: tuple[str, ...]
    # Custom fields of service projects: number, name, type.
    service: tuple[tuple[int, str, str], ...]
    # Id, project's key, type, name, the form's key.
    request_types: tuple[tuple[str, str, str, str, str], ...]
    organizations: tuple[tuple[str, str], ...]


# A priority's last column names the one project whose scheme has it; "" means all.
ACME = SiteSeed(
    name="acme",
    title="Acme",
    time_zone="Europe/Berlin",
    first_id=10100,
    types=(
        ("10001", "Task"),
        ("10002", "Bug"),
        ("10003", "Story"),
        ("10000", "Epic"),
        ("10004", "Sub-task"),
    ),
    statuses=(
        ("10000", "To Do", "new"),
        ("3", "In Progress", "indeterminate"),
        ("10001", "In Review", "indeterminate"),
        ("10002", "Done", "done"),
    ),
    moves=(
        ("11", "Start work", "10000", "3"),
        ("21", "Stop work", "3", "10000"),
        ("31", "Send to review", "3", "10001"),
        ("41", "Request changes", "10001", "3"),
        ("51", "Approve", "10001", "10002"),
        ("61", "Reopen", "10002", "10000"),
    ),
    priorities=(
        ("1", "Highest", "#d04437", ""),
        ("2", "High", "#f15c75", ""),
        ("3", "Medium", "#f79232", ""),
        ("4", "Low", "#707070", ""),
        ("5", "Lowest", "#999999", ""),
    ),
    custom=(
        (10031, "Customer", "textfield", ()),
        (10032, "Notes", "textarea", ()),
        (10033, "Story Points", "float", ()),
        (10034, "Go-live date", "datepicker", ()),
        (10035, "Severity", "select", ("Minor", "Major", "Critical")),
        (10036, "Platforms", "multiselect", ("Web", "iOS", "Android", "Desktop")),
        (10037, "Tester", "userpicker", ()),
        (10038, "Areas", "labels", ()),
    ),
    rarer=(
        (10041, "Start time", "datetime", ()),
        (10042, "Channel", "radiobuttons", ("Mail", "Phone", "Portal")),
        (10043, "Checks", "multicheckboxes", ("Tested", "Documented", "Announced")),
        (10044, "Region", "cascadingselect", ("Europe: Norway, Spain", "America: Canada, Peru")),
        (10045, "Reference", "url", ()),
        (10046, "Reviewers", "multiuserpicker", ()),
        (10047, "Owning team", "grouppicker", ()),
        (10048, "Informed teams", "multigrouppicker", ()),
        (10049, "Found in", "version", ()),
        (10050, "Planned for", "multiversion", ()),
        (10051, "Sprint", SPRINT, ()),
        (10052, "Health", THING, ()),
    ),
    projects=(("10000", "WEB", "ACME Web"), ("10001", "SUP", "Acme Support")),
    hidden=(("SUP", "Task", "Story Points"),),
    required=(),
    issues=(
        ("WEB", "Bug", "Checkout shows the wrong tax for orders to Norway", "High", "3",
         ("checkout", "tax")),
        ("WEB", "Task", "Move product images to the new storage", "Medium", "10000",
         ("images",)),
        ("WEB", "Story", "Shoppers can save a basket for later", "Medium", "10000", ("basket",)),
        ("WEB", "Epic", "Faster product pages", "Low", "10000", ()),
        ("SUP", "Bug", "Password reset mail arrives twice", "Highest", "3", ("mail",)),
        ("SUP", "Task", "Write the answer for refund questions", "Low", "10000", ()),
    ),
    components=(
        ("10010", "Checkout", "WEB"), ("10011", "Catalogue", "WEB"), ("10012", "Search", "WEB"),
        ("10013", "Phone line", "SUP"),
    ),
    versions=(
        ("10020", "0.9", "WEB", "archived"), ("10021", "1.0", "WEB", "released"),
        ("10022", "1.1", "WEB", ""), ("10023", "2.0", "WEB", ""), ("10024", "Spring", "SUP", ""),
    ),
    sprints=((1, "Sprint 1", "closed"), (2, "Sprint 2", "active"), (3, "Sprint 3", "future")),
    levels=(("10060", "Staff only"), ("10061", "Leads only")),
    groups=("acme-users", "web-team", "support-team"),
    service=(
        (10061, "Request Type", REQUEST_TYPE), (10062, "Organizations", ORGANIZATIONS),
        (10063, "Time to first response", SLA), (10064, "Time to resolution", SLA),
    ),
    request_types=(
        ("25", "SUP", "Task", "Get help", "help"), ("26", "SUP", "Task", "Ask for a refund", "pay"),
        ("27", "SUP", "Bug", "Report a fault", "fault"),
    ),
    organizations=(("2", "Harbour Works"), ("3", "Hill Farm"), ("4", "Lakeside Clinic")),
)  # fmt: skip

GLOBEX = SiteSeed(
    name="globex",
    title="Globex",
    time_zone="America/New_York",
    first_id=20500,
    types=(
        ("10101", "Task"),
        ("10104", "Bug"),
        ("10103", "Story"),
        ("10105", "Epic"),
        ("10102", "Sub-task"),
    ),
    statuses=(
        ("10200", "To Do", "new"),
        ("10201", "In Progress", "indeterminate"),
        ("10202", "In Review", "indeterminate"),
        ("10203", "Done", "done"),
    ),
    moves=(
        ("2", "Begin", "10200", "10201"),
        ("3", "Ask for review", "10201", "10202"),
        ("4", "Send back", "10202", "10201"),
        ("5", "Put back", "10201", "10200"),
        ("6", "Accept", "10202", "10203"),
        ("7", "Open again", "10203", "10201"),
    ),
    priorities=(
        ("10006", "Blocker", "#6554c0", "OPS"),
        ("10001", "Highest", "#d04437", ""),
        ("10002", "High", "#f15c75", ""),
        ("10003", "Medium", "#f79232", ""),
        ("10004", "Low", "#707070", ""),
        ("10005", "Lowest", "#999999", ""),
    ),
    custom=(
        (10121, "Client", "textfield", ()),
        (10122, "Background", "textarea", ()),
        (10123, "Estimate", "float", ()),
        (10124, "Release date", "datepicker", ()),
        (10125, "Impact", "select", ("Low", "Significant", "Critical")),
        (10126, "Environments", "multiselect", ("Web", "Mobile", "Backend")),
        (10127, "QA contact", "userpicker", ()),
        (10128, "Keywords", "labels", ()),
    ),
    rarer=(
        (10141, "Begins", "datetime", ()),
        (10142, "Reported by way of", "radiobuttons", ("E-mail", "Telephone", "Portal")),
        (10143, "Steps done", "multicheckboxes", ("Tested", "Documented", "Signed off")),
        (10144, "Location", "cascadingselect", ("EMEA: Norway, Spain", "AMER: Canada, Peru")),
        (10145, "More at", "url", ()),
        (10146, "Approvers", "multiuserpicker", ()),
        (10147, "Responsible group", "grouppicker", ()),
        (10148, "Notified groups", "multigrouppicker", ()),
        (10149, "Observed in", "version", ()),
        (10150, "Target versions", "multiversion", ()),
        (10151, "Sprint", SPRINT, ()),
        (10152, "Rating", THING, ()),
    ),
    projects=(("10300", "PLAT", "Globex Platform"), ("10301", "OPS", "Globex Ops")),
    hidden=(("PLAT", "Bug", "Estimate"),),
    required=(("OPS", "Bug", "Impact"),),
    issues=(
        ("PLAT", "Task", "Renew the certificates of the message brokers", "High", "10201",
         ("security",)),
        ("PLAT", "Bug", "Search index falls behind after midnight", "Medium", "10200",
         ("search",)),
        ("PLAT", "Story", "Teams see their own usage", "Medium", "10200", ("usage",)),
        ("PLAT", "Epic", "One log format for all services", "Low", "10200", ()),
        ("OPS", "Bug", "Backup of the billing database is late", "Blocker", "10201", ("backup",)),
        ("OPS", "Task", "Order disks for the second site", "Low", "10200", ()),
    ),
    components=(
        ("10410", "Brokers", "PLAT"), ("10411", "Search", "PLAT"), ("10412", "Usage", "PLAT"),
        ("10413", "Backups", "OPS"),
    ),
    versions=(
        ("10420", "2024.4", "PLAT", "archived"), ("10421", "1.0", "PLAT", "released"),
        ("10422", "1.1", "PLAT", ""), ("10423", "2026.1", "PLAT", ""), ("10424", "Q3", "OPS", ""),
    ),
    sprints=((41, "Board 41", "closed"), (42, "Board 42", "active"), (43, "Board 43", "future")),
    levels=(("10460", "Internal"), ("10461", "Security")),
    groups=("globex-users", "platform", "operations"),
    service=(
        (10161, "Request Type", REQUEST_TYPE), (10162, "Organizations", ORGANIZATIONS),
        (10163, "Time to first response", SLA), (10164, "Time to resolution", SLA),
    ),
    request_types=(
        ("41", "OPS", "Task", "Get help", "help"), ("42", "OPS", "Task", "Order a machine", "new"),
        ("43", "OPS", "Bug", "Report an outage", "down"),
    ),
    organizations=(("12", "Harbour Works"), ("13", "Lakeside Clinic"), ("14", "Old Mill")),
)  # fmt: skip

SEEDS = {"acme": ACME, "globex": GLOBEX}

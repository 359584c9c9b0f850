"""What the server says of the events and properties that it captures, as recorded (lexicon, filter catalogue)."""

from __future__ import annotations

# Name and description.
EVENTS = {
    "CLICK": (
        "Click",
        (
            "Represents a user click on a webpage element. Tracked automatically with property "
            '$auto_captured set to TRUE and $event_name set to "CLICK".\n\nContains element selector, text '
            "content, …, timestamp."
        ),
    ),
    "ERROR": (
        "Error",
        (
            "Represents JavaScript errors and console error messages captured from the application. Tracked "
            "automatically with property $auto_captured set to TRUE and $event_name set to "
            '"error".\n\nContains error message,…., and timestamp.'
        ),
    ),
    "INPUT": (
        "Text Input",
        (
            "Represents text input by a user in form fields or editable elements. Tracked automatically "
            'with property $auto_captured set to TRUE and $event_name set to "INPUT".\n\nContains the element '
            "selector, ….. and timestamp (actual text content may be masked for privacy)."
        ),
    ),
    "ISSUE": (
        "Issue",
        "",
    ),
    "LOCATION": (
        "Page View",
        (
            "Represents a page navigation or URL change within your application. Tracked automatically with "
            'property $auto_captured set to TRUE and $event_name set to "LOCATION".\n\nContains the full URL, '
            "…. referrer information, UTM parameters and timestamp."
        ),
    ),
    "PERFORMANCE": (
        "Performance",
        "",
    ),
    "REQUEST": (
        "Network Request",
        (
            "Represents HTTP/HTTPS network activity from the application. Tracked automatically with "
            'property $auto_captured set to TRUE and $event_name set to "fetch".\n\nContains URL, method, '
            "status code, duration, and timestamp"
        ),
    ),
}
PROPERTIES = {"avg_cpu": "Average CPU", "max_cpu": "Maximum CPU", "min_cpu": "Minimum CPU"}

USER_NAMES = {
    "$user_id": "User ID",
    "$email": "Email",
    "$name": "Name",
    "$first_name": "First Name",
    "$last_name": "Last Name",
    "$phone": "Phone",
    "$sdk_edition": "SDK Edition",
    "$sdk_version": "SDK Version",
    "$current_url": "Current URL",
    "$current_path": "Current Path",
    "$initial_referrer": "Initial Referrer",
    "$referring_domain": "Referring Domain",
    "initial_utm_source": "Initial UTM Source",
    "initial_utm_medium": "Initial UTM Medium",
    "initial_utm_campaign": "Initial UTM Campaign",
    "$country": "Country",
    "$state": "State",
    "$city": "City",
    "$or_api_endpoint": "OR API Endpoint",
    "$created_at": "Created At",
    "$first_event_at": "First Event At",
    "$last_seen": "Last Seen",
}
# The key under which the store has it, and the name.
SESSION_PROPERTIES = {
    "referrer": ("referrer", "Referrer"),
    "duration": ("duration", "Duration"),
    "utmSource": ("utmSource", "UTM Source"),
    "utmMedium": ("utmMedium", "UTM Medium"),
    "utmCampaign": ("utmCampaign", "UTM Campaign"),
    "userCountry": ("userCountry", "Country"),
    "userCity": ("userCity", "City"),
    "userState": ("userState", "State / Province"),
    "userOs": ("userOs", "OS"),
    "userBrowser": ("userBrowser", "Browser"),
    "userBrowserVersion": ("userBrowserVersion", "Browser Version"),
    "userDevice": ("userDevice", "Device"),
    "userDeviceType": ("userDeviceType", "Device Type"),
    "revId": ("revId", "Version ID"),
    "issue": ("issueTypes", "Issue"),
    "screenHeight": ("screenHeight", "Screen Height"),
    "screenWidth": ("screenWidth", "Screen Width"),
}

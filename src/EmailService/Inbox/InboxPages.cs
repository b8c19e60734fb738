using System.Globalization;
using EmailService.Accounts;

namespace EmailService.Inbox;

/// <summary>The pages, without a line of script. A mail may have a subject of megabytes and headers by the thousand: each page shows the beginning of
/// every text and says so by an ellipsis; the source has all of it.</summary>
internal static class InboxPages
{
    private const int InList = 200;
    private const int InField = 2_000;
    private const int InText = 200_000;
    private const int MostRecipients = 20;
    private const int MostFields = 200;
    private const int MostParts = 200;

    public static string List(IReadOnlyList<InboxEntry> entries, string? to, bool isFirstPage, long? next, DateTimeOffset now, string? smtp, InboxViewer viewer)
    {
        var rows = Html.Join(entries.Select(entry => Html.Of($"""
            <a class="row" href="/inbox/{entry.Id}">
              <span class="who">{Short(Recipients(entry, 3), InList)}</span>
              <span class="what"><b>{(entry.Subject.Length == 0 ? "(no subject)" : Short(entry.Subject, InList))}</b><span class="from">{Short(entry.From, InList)}</span></span>
              <time datetime="{Iso(entry.ReceivedAt)}" title="{Iso(entry.ReceivedAt)}">{Ago(entry.ReceivedAt, now)}</time>
            </a>

            """)));
        var filter = to is null ? Html.Empty : Html.Of($"""<p class="note">Only mail to <b>{to}</b>. <a href="/inbox">Show all</a></p>""");
        var body = entries.Count > 0 ? Html.Of($"""<div class="list">{rows}</div>""")
            : !isFirstPage || to is not null ? Html.Of($"""<p class="empty">Nothing here.</p>""")
            : Html.Of($"""
                <div class="empty"><p><b>No mail yet.</b></p>
                <p>Send one with <code>./run send</code>, or with the curl line that <code>./run</code> printed.</p></div>
                """);
        var older = next is { } before
            ? Html.Of($"""<p class="older"><a href="/inbox?before={before}{(to is null ? "" : "&to=" + Uri.EscapeDataString(to))}">Older mail</a></p>""")
            : Html.Empty;
        var state = smtp is null
            ? Html.Of($"""<p class="note">This process does not run the catch-all mail host; what is shown was taken earlier or by another.</p>""")
            : Html.Of($"""<p class="note">Live delivery is off: every mail goes to the built-in mail host at {smtp} and is shown here. Nothing leaves this machine.</p>""");

        var whose = viewer.AccountId is null ? Html.Empty : Html.Of($"""<p class="note">Only the mail of the key's account. An operator's key sees all.</p>""");
        var leave = viewer.HasSession ? Html.Of($"""<form method="post" action="/inbox/sign-out"><button>Sign out</button></form>""") : Html.Empty;

        // What is on the first page changes by itself; an older page is being read.
        return Page("Inbox", isFirstPage ? Html.Of($"""<meta http-equiv="refresh" content="5">""") : Html.Empty, Html.Of($"""
            <header>{leave}<h1>Inbox</h1>{state}{whose}</header>
            {filter}
            {body}
            {older}
            """));
    }

    /// <summary>The form that asks for a key.</summary>
    /// <param name="problem">What is wrong with the one that was given, or null.</param>
    public static string SignIn(string? problem) => Page("Sign in", Html.Empty, Html.Of($"""
        <header><h1>Inbox</h1></header>
        {(problem is null ? Html.Empty : Html.Of($"""<p class="problem" role="alert">{problem}</p>"""))}
        <form class="sign-in" method="post" action="/inbox/sign-in">
          <label for="key">API key</label>
          <input id="key" name="key" type="password" required autofocus autocomplete="off" spellcheck="false">
          <button>Open the inbox</button>
        </form>
        <p class="note">The key of the first start is in <code>quickstart.env</code> in the data folder. A key sees the mail of its account; an operator's key sees all.
        The browser is signed out after {(int)KeySession.Life.TotalHours} hours, or when the key is revoked.</p>
        """));

    public static string Mail(InboxEntry entry, InboxMail mail)
    {
        var subject = mail.Subject.Length == 0 ? "(no subject)" : Short(mail.Subject, InField);
        var headers = Html.Join(mail.Headers.Take(MostFields).Select(header =>
            Html.Of($"<tr><th>{Short(header.Name, InList)}</th><td>{Short(header.Value, InField)}</td></tr>\n")));
        headers = mail.Headers.Count <= MostFields ? headers : Html.Of($"{headers}<tr><th>…</th><td>{mail.Headers.Count - MostFields} more in the source</td></tr>");
        var html = !mail.HasHtml ? Html.Empty : Html.Of($"""
            <section><h2>HTML</h2>
            <iframe src="/inbox/{entry.Id}/html" sandbox="allow-popups allow-popups-to-escape-sandbox" title="The mail as HTML" referrerpolicy="no-referrer"></iframe></section>
            """);
        var text = mail.TextStart(InText + 1) is { } plain ? Html.Of($"<section><h2>Text</h2><pre>{Short(plain, InText)}</pre></section>") : Html.Empty;
        var files = mail.Parts.Take(MostParts).ToList();
        var parts = files.Count == 0 ? Html.Empty : Html.Of($"""
            <section><h2>Attachments</h2><ul class="parts">{Html.Join(files.Select(part => Html.Of($"""
                <li><a href="/inbox/{entry.Id}/parts/{part.N}?download=1">{Short(part.FileName ?? part.ContentId ?? $"part {part.N}", InList)}</a> <small>{Short(part.Type, InList)}, {Size(part.Size)}{(part.ContentId is null ? "" : ", inline")}</small></li>
                """)))}</ul></section>
            """);
        return Page(subject, Html.Empty, Html.Of($"""
            <nav><a href="/inbox">← Inbox</a><span><a href="/inbox/{entry.Id}/source">Source</a> <a href="/inbox/{entry.Id}.json">JSON</a></span></nav>
            <header><h1>{subject}</h1></header>
            <dl>
              <dt>From</dt><dd>{Short(mail.From, InField)}</dd>
              <dt>To</dt><dd>{Short(mail.To, InField)}</dd>
              {(mail.Cc is null ? Html.Empty : Html.Of($"<dt>Cc</dt><dd>{Short(mail.Cc, InField)}</dd>"))}
              <dt>Envelope</dt><dd>{(entry.ReversePath.Length == 0 ? "<>" : Short(entry.ReversePath, InField))} → {Recipients(entry, MostRecipients)}</dd>
              <dt>Received</dt><dd><time datetime="{Iso(entry.ReceivedAt)}">{Iso(entry.ReceivedAt)}</time>, {Size(entry.Size)}</dd>
            </dl>
            {parts}
            {html}
            {text}
            <section><details><summary>All headers ({mail.Headers.Count})</summary><table>{headers}</table></details></section>
            """));
    }

    public const string Style = """
        :root { color-scheme: light; --line: #e3e6ea; --soft: #667180; --link: #0b5cad; }
        * { box-sizing: border-box; }
        body { margin: 0 auto; max-width: 62rem; padding: 1.5rem 1.25rem 4rem; background: #f7f8fa; color: #1c2430;
               font: 15px/1.5 system-ui, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; }
        a { color: var(--link); text-decoration: none; }
        a:hover { text-decoration: underline; }
        h1 { font-size: 1.5rem; line-height: 1.25; margin: .4rem 0; overflow-wrap: anywhere; }
        h2 { font-size: .8rem; text-transform: uppercase; letter-spacing: .06em; color: var(--soft); margin: 0 0 .5rem; }
        nav { display: flex; justify-content: space-between; }
        nav span a { margin-left: 1rem; }
        .note, small, time, .from { color: var(--soft); }
        .note { margin: .2rem 0 1rem; }
        .list, section, dl { background: #fff; border: 1px solid var(--line); border-radius: 8px; }
        .row { display: grid; grid-template-columns: minmax(0, 15rem) minmax(0, 1fr) auto; gap: 1rem; padding: .65rem 1rem;
               color: inherit; border-top: 1px solid var(--line); }
        .row:first-child { border-top: 0; }
        .row:hover { background: #f1f5fb; text-decoration: none; }
        .row span { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
        .what b { font-weight: 600; }
        .who, .what b, .from, dd { unicode-bidi: isolate; }
        .from { margin-left: .75rem; }
        .empty { text-align: center; padding: 4rem 1rem; color: var(--soft); }
        .older { text-align: center; }
        section { margin-top: 1rem; padding: .9rem 1rem; }
        dl { display: grid; grid-template-columns: 6rem minmax(0, 1fr); gap: .25rem 1rem; margin: 1rem 0 0; padding: .9rem 1rem; }
        dt, th { color: var(--soft); font-weight: normal; }
        dd { margin: 0; overflow-wrap: anywhere; }
        iframe { width: 100%; height: 32rem; border: 0; background: #fff; }
        pre { margin: 0; white-space: pre-wrap; overflow-wrap: anywhere; font: 13px/1.5 ui-monospace, "DejaVu Sans Mono", monospace; }
        code { background: #eceff3; border-radius: 4px; padding: .1em .35em; }
        table { border-collapse: collapse; margin-top: .6rem; font-size: 13px; }
        th { text-align: left; vertical-align: top; padding: .15rem 1rem .15rem 0; white-space: nowrap; }
        td { overflow-wrap: anywhere; }
        summary { cursor: pointer; color: var(--soft); }
        header form { float: right; }
        .sign-in { display: flex; flex-wrap: wrap; align-items: center; gap: .6rem; margin: 1rem 0; }
        .sign-in input { flex: 1 1 20rem; font: inherit; padding: .4rem .6rem; border: 1px solid var(--soft); border-radius: 6px; }
        button { font: inherit; padding: .4rem .9rem; border: 1px solid var(--soft); border-radius: 6px; background: #fff; color: inherit; cursor: pointer; }
        .problem { color: #a3241c; }
        .parts { margin: 0; padding-left: 1.1rem; }
        @media (max-width: 640px) {
          .row { grid-template-columns: minmax(0, 1fr) auto; }
          .what { grid-column: 1 / -1; grid-row: 2; }
        }
        """;

    private static string Page(string title, Html head, Html body) => Html.Of($"""
        <!doctype html>
        <html lang="en">
        <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        {head}
        <title>{title} · EmailService</title>
        <link rel="stylesheet" href="/inbox/style.css">
        </head>
        <body>
        {body}
        </body>
        </html>
        """).ToString();

    private static string Recipients(InboxEntry entry, int most) =>
        string.Join(", ", entry.Recipients.Take(most)) + (entry.Recipients.Count > most ? ", …" : "");

    // Not through the middle of a surrogate pair.
    private static string Short(string text, int most) =>
        text.Length <= most ? text : string.Concat(text.AsSpan(0, char.IsHighSurrogate(text[most - 1]) ? most - 1 : most), "…");

    private static string Iso(DateTimeOffset time) =>
        time.UtcDateTime.ToString("yyyy-MM-dd HH:mm:ss'Z'", CultureInfo.InvariantCulture);

    private static string Ago(DateTimeOffset time, DateTimeOffset now) => (now - time) switch
    {
        { TotalSeconds: < 10 } => "now",
        { TotalMinutes: < 1 } age => $"{(int)age.TotalSeconds} s ago",
        { TotalHours: < 1 } age => $"{(int)age.TotalMinutes} min ago",
        { TotalDays: < 1 } age => $"{(int)age.TotalHours} h ago",
        _ => time.UtcDateTime.ToString("d MMM yyyy", CultureInfo.InvariantCulture),
    };

    private static string Size(int octets) => octets switch
    {
        < 1024 => $"{octets} B",
        < 1024 * 1024 => string.Create(CultureInfo.InvariantCulture, $"{octets / 1024.0:0.#} kB"),
        _ => string.Create(CultureInfo.InvariantCulture, $"{octets / 1048576.0:0.#} MB"),
    };
}

using System.Collections.Frozen;

namespace EmailService.Accept;

/// <summary>What somebody may have meant by a field that there is not: most come from another service's API, or are misspelt.</summary>
internal static class UnknownField
{
    /// <summary>Longer names are shown in part, and are nobody's typo.</summary>
    private const int LongestName = 100;

    /// <summary>Where several stand for one word, the first that the object has is meant.</summary>
    private static readonly (string[] Fields, string Words)[] Meanings =
    [
        (["send_at"], "scheduled_at schedule_at scheduled scheduled_for scheduled_time schedule scheduled_send deliver_at deliver_on delivery_time o:deliverytime "
            + "send_later send_date send_time send_on sendlater start_time defer_until delay_until"),
        (["text", "value"], "text_body body_text plain_text plain plain_body plaintext_body plain_text_body plain_content plain_text_content text_part text_content text_plain body_plain text_version stripped_text"),
        (["html", "value"], "html_body body_html html_part html_content text_html html_version html_text markup"),
        (["text", "value", "content"], "body message_body msg"),
        (["value"], "text html content data"),
        (["content"], "data base64 base64_content base64content body file file_content bytes buffer"),
        (["filename"], "file_name name title"),
        (["type"], "content_type mime_type mime media_type filetype file_type"),
        (["content_id"], "cid inline_id content-id"),
        (["disposition"], "content_disposition inline is_inline"),
        (["email"], "address mail email_address addr to"),
        (["name"], "display_name full_name from_name"),
        (["from"], "sender from_email from_address from_email_address from_name source sender_address mail_from sender_email"),
        (["to"], "recipients recipient to_recipients to_email to_emails to_addresses to_address to_name destination destinations rcpt rcpt_to receivers receiver"),
        (["cc"], "cc_addresses cc_recipients cc_emails carbon_copy"),
        (["bcc"], "bcc_addresses bcc_recipients bcc_emails bcc_address blind_carbon_copy"),
        (["reply_to"], "reply_to_address reply_to_email replyto_email h:reply-to reply-to"),
        (["reply_to_list"], "reply_to_addresses reply_to_emails"),
        (["subject"], "title subject_line"),
        (["categories"], "tags tag o:tag category labels label campaign campaign_id o:campaign custom_campaign email_tags"),
        (["custom_args"], "metadata meta_data meta unique_args variables custom_variables custom_data custom_id event_payload client_reference user_data custom_arguments"),
        (["substitutions"], "sub subs merge_vars global_merge_vars merge_variables merge_data substitution_data recipient_variables merge_info template_variables "
            + "template_model template_data params data_variables replacements personalization_data"),
        (["personalizations"], "personalization message_versions messages"),
        (["headers"], "custom_headers message_headers mime_headers list_unsubscribe in_reply_to references priority importance"),
        (["attachments"], "attachment files inline_attachments inlined_attachments inline_images images embedded_images inlines"),
        (["stream"], "message_stream message_stream_id"),
        (["ip_pool_name"], "ip_pool pool ip_pool_id dedicated_ip_pool sending_pool o:sending-ip-pool"),
        (["mail_settings"], "sandbox sandbox_mode test_mode testmode o:testmode dry_run dryrun validate_only simulate bypass_list_management bypass_bounce_management bypass_spam_management bypass_unsubscribe_management"),
        (["require_tls"], "tls force_tls enforce_tls o:require-tls"),
        (["on_unknown_outcome"], "on_unknown unknown_outcome"),
        (["batch_id"], "batch"),
    ];

    /// <summary>What no field stands for, and what to do instead.</summary>
    private static readonly (string Sentence, string Words)[] Missing =
    [
        ("Templates are not supported yet. Give the finished subject and content.",
            "template template_name template_alias template_uuid template_key mail_template_key o:template template_slug template_version transactional_id transactional_message_id"),
        ("Opens and clicks are not tracked yet.",
            "track_opens track_clicks track_links tracking open_tracking click_tracking track o:tracking o:tracking-opens o:tracking-clicks options user_engagement_tracking_disabled"),
        ("The key that keeps a repeated request from being sent twice is the header Idempotency-Key.", "idempotency_key idempotent_key idempotency request_id deduplicate"),
        ("Files are not fetched. Give the file itself, in base64, as \"content\".", "path url href uri link raw"),
        ("Text is always UTF-8, and the service chooses the encoding.", "charset encoding content_transfer_encoding text_encoding html_charset text_charset"),
        ("Other forms of the text go into \"content\", each with its type, such as text/x-amp-html or text/calendar.", "amp amp_html amp-html ical ical_event calendar alternatives watch_html"),
        ("The envelope's sender is made by the service, one for each recipient, so that bounces can be told apart.", "return_path return_path_domain envelope bounce_address envelope_from bounce_domain"),
        ("The request is not wrapped in another object: its fields stand at the top.", "message email mail input data payload"),
        ("Unsubscribe groups are not supported yet. For links of your own give the headers List-Unsubscribe and List-Unsubscribe-Post.",
            "unsubscribe unsubscribe_group unsubscribe_group_id list_management_options topic_id add_unsubscribe list_id"),
    ];

    private static readonly FrozenDictionary<string, string[]> Meant = Meanings
        .SelectMany(meaning => meaning.Words.Split(' ').Select(word => (Word: Plain(word), meaning.Fields)))
        .GroupBy(pair => pair.Word, pair => pair.Fields)
        .ToFrozenDictionary(group => group.Key, group => group.SelectMany(fields => fields).Distinct().ToArray());

    private static readonly FrozenDictionary<string, string> Instead = Missing
        .SelectMany(missing => missing.Words.Split(' ').Select(word => (Word: Plain(word), missing.Sentence)))
        .DistinctBy(pair => pair.Word)
        .ToFrozenDictionary(pair => pair.Word, pair => pair.Sentence);

    /// <summary>Says that there is no such field here, and what may have been meant. The place is that of the object.</summary>
    /// <param name="name">The field.</param>
    /// <param name="here">The fields that the object may have.</param>
    /// <param name="top">Those of the whole request.</param>
    /// <param name="problems">Where it is said.</param>
    public static void Report(string name, FieldTable here, FieldTable top, Problems problems)
    {
        var shown = Problems.Show(name);
        var field = name.Length <= LongestName ? name : null;
        if (name.Length > LongestName)
        {
            problems.Add($"Unknown field {shown}.", field, List(here));
        }
        else if (FindMeant(name, here) is { } meant)
        {
            problems.Add($"Unknown field {shown}. Did you mean \"{meant}\"?", field, Advice(name, meant));
        }
        else if (Instead.GetValueOrDefault(Plain(name)) is { } instead)
        {
            problems.Add($"Unknown field {shown}. {instead}", field);
        }
        else if (here != top && FindMeant(name, top) is { } above)
        {
            problems.Add($"Unknown field {shown}. \"{above}\" belongs at the top of the request.", field);
        }
        else
        {
            problems.Add($"Unknown field {shown}.", field, List(here));
        }
    }

    private static string? FindMeant(string name, FieldTable table) =>
        table.Names.FirstOrDefault(known => Plain(known) == Plain(name))
        ?? Meant.GetValueOrDefault(Plain(name))?.FirstOrDefault(table.Names.Contains)
        ?? Prefixed(name, table)
        ?? table.Near(name);

    /// <summary>Mailgun's fields for headers and variables are named by the caller behind a prefix.</summary>
    private static string? Prefixed(string name, FieldTable table) =>
        name.StartsWith("h:", StringComparison.OrdinalIgnoreCase) && table.Names.Contains("headers") ? "headers"
        : name.StartsWith("v:", StringComparison.OrdinalIgnoreCase) && table.Names.Contains("custom_args") ? "custom_args"
        : null;

    private static string? Advice(string name, string meant) => meant switch
    {
        "categories" => "categories is a list of at most ten texts. Names with values go into custom_args.",
        "mail_settings" when Plain(name).StartsWith("bypass", StringComparison.Ordinal) => $"Give \"mail_settings\": {{\"{name}\": {{\"enable\": true}}}}.",
        "mail_settings" => "Give \"mail_settings\": {\"sandbox_mode\": {\"enable\": true}}; the request is then only checked.",
        "from" when Plain(name) is "fromname" => "Give \"Name <address>\", or an object with email and name.",
        "to" when Plain(name) is "toname" => "Give \"Name <address>\", or an object with email and name.",
        "text" when Plain(name) is "body" or "messagebody" or "msg" => "Or \"html\", if it is HTML.",
        "disposition" => "It is \"inline\" or \"attachment\".",
        "headers" when Plain(name) is not ("headers" or "customheaders" or "messageheaders" or "mimeheaders") => "It is an object of names and values.",
        _ => null,
    };

    private static string List(FieldTable here) => $"The fields here are {string.Join(", ", here.Names)}.";

    /// <summary>Without case, hyphens and underscores: HtmlBody, htmlBody and html_body are one word.</summary>
    private static string Plain(string name) => string.Concat(name.Where(char.IsAsciiLetterOrDigit).Select(char.ToLowerInvariant));
}

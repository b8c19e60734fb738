using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Encodings.Web;

namespace EmailService.Inbox;

/// <summary>HTML that is safe to send: whatever is put into it by interpolation is escaped, unless it is
/// <see cref="Html"/> itself.</summary>
internal readonly record struct Html
{
    private readonly string? markup;

    private Html(string markup) => this.markup = markup;

    public static Html Empty => default;

    /// <summary>The literal parts are markup, the interpolated ones are text.</summary>
    public static Html Of(Builder html) => new(html.ToString());

    public static Html Join(IEnumerable<Html> parts) => new(string.Concat(parts.Select(part => part.ToString())));

    public override string ToString() => markup ?? "";

    [InterpolatedStringHandler]
    internal readonly ref struct Builder(int literalLength, int formattedCount)
    {
        private readonly StringBuilder markup = new(literalLength + (formattedCount * 32));

        public void AppendLiteral(string literal) => markup.Append(literal);

        public void AppendFormatted(Html html) => markup.Append(html.ToString());

        public void AppendFormatted(string? text) => markup.Append(HtmlEncoder.Default.Encode(text ?? ""));

        public void AppendFormatted(long number) => markup.Append(number);

        public override string ToString() => markup.ToString();
    }
}

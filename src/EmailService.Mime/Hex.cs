namespace EmailService.Mime;

/// <summary>Single hexadecimal digits, as both header and body encodings use them.</summary>
internal static class Hex
{
    public static byte Upper(int nibble) => (byte)(nibble < 10 ? '0' + nibble : 'A' - 10 + nibble);

    public static int Value(byte digit) => digit switch
    {
        >= (byte)'0' and <= (byte)'9' => digit - '0',
        >= (byte)'A' and <= (byte)'F' => digit - 'A' + 10,
        >= (byte)'a' and <= (byte)'f' => digit - 'a' + 10,
        _ => -1,
    };
}

namespace EmailService.Protocol.Tests.Dkim;

/// <summary>Damages octets the same way on every run.</summary>
internal sealed class Mutator(int seed)
{
    private static readonly byte[] Telling = " \t\r\n;=:@/.\0\u007f"u8.ToArray();

    private readonly Random random = new(seed);

    internal byte[] Mutate(byte[] original)
    {
        var octets = new List<byte>(original);
        for (var changes = random.Next(1, 5); changes > 0 && octets.Count > 0; changes--)
        {
            var at = random.Next(octets.Count);
            switch (random.Next(5))
            {
                case 0:
                    octets[at] = (byte)random.Next(256);
                    break;
                case 1:
                    octets[at] = Telling[random.Next(Telling.Length)];
                    break;
                case 2:
                    octets.Insert(at, Telling[random.Next(Telling.Length)]);
                    break;
                case 3:
                    octets.RemoveRange(at, Math.Min(random.Next(1, 12), octets.Count - at));
                    break;
                default:
                    octets.InsertRange(at, octets.GetRange(at, Math.Min(random.Next(1, 40), octets.Count - at)));
                    break;
            }
        }

        return [.. octets];
    }
}

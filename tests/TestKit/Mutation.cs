namespace EmailService.TestKit;

/// <summary>Octets that were something once, with a few of them changed, added, lost, or cut off.</summary>
public static class Mutation
{
    public static byte[] Of(Random random, byte[] seed)
    {
        var bytes = seed.ToList();
        for (var changes = random.Next(1, 6); changes > 0 && bytes.Count > 0; changes--)
        {
            var at = random.Next(bytes.Count);
            switch (random.Next(5))
            {
                case 0:
                    bytes[at] = (byte)random.Next(256);
                    break;
                case 1:
                    bytes.RemoveRange(at, Math.Min(bytes.Count - at, random.Next(1, 8)));
                    break;
                case 2:
                    bytes.InsertRange(at, bytes.Skip(random.Next(bytes.Count)).Take(random.Next(40)).ToList());
                    break;
                case 3:
                    bytes.Insert(at, "\r\n\0:;=?*'\"\\<>@(),-%_ "u8[random.Next(21)]);
                    break;
                default:
                    bytes.RemoveRange(at, bytes.Count - at);
                    break;
            }
        }

        return [.. bytes];
    }
}

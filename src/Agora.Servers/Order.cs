using System.Buffers.Binary;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Agora.Servers;

/// <summary>What a buyer asked for.</summary>
/// <param name="Card">The card that pays.</param>
/// <param name="ExpectedTotalCents">The total that the buyer agreed to; null for any total.</param>
/// <param name="Fingerprint">Distinguishes this request from others under the same Idempotency-Key; 0 without a
/// key.</param>
internal sealed record Order(Card Card, long? ExpectedTotalCents, uint Fingerprint)
{
    /// <summary>An order under this key.</summary>
    /// <remarks>
    /// The databases keep the fingerprint for ever, and it must reveal nothing of a card. So it is 16 bits of a hash
    /// over the whole card and the total, and its key is known to the client only. One of 65,536 other cards would pass
    /// for this one; its request would get the receipt of the first, and be charged nothing.
    /// </remarks>
    public static Order Of(Card card, long? expectedTotalCents, string? key)
    {
        if (key is null)
        {
            return new(card, expectedTotalCents, 0);
        }

        var request = string.Create(
            CultureInfo.InvariantCulture,
            $"{card.CardholderName}\0{card.CardNumber}\0{card.ExpirationDate}\0{card.SecurityCode}\0"
                + $"{expectedTotalCents}"
        );
        var hash = HMACSHA256.HashData(Encoding.UTF8.GetBytes(key), Encoding.UTF8.GetBytes(request));
        return new(card, expectedTotalCents, BinaryPrimitives.ReadUInt16BigEndian(hash));
    }
}

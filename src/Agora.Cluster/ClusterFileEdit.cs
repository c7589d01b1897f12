using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Agora.Cluster;

/// <summary>Changes one value in the text of a cluster file, and leaves the rest of the text as it is.</summary>
public static class ClusterFileEdit
{
    private const string Host = "host";

    /// <summary>The same text with another host for one replica of a database.</summary>
    /// <param name="json">The text of a file that can be loaded.</param>
    /// <param name="component">The database.</param>
    /// <param name="replica">Its replica's number.</param>
    /// <param name="host">The new host.</param>
    /// <exception cref="ArgumentException">The file has no such replica.</exception>
    public static string WithHost(string json, string component, int replica, string host)
    {
        ArgumentNullException.ThrowIfNull(json);
        var text = Encoding.UTF8.GetBytes(json);
        Utf8JsonReader reader = new(
            text,
            new JsonReaderOptions { AllowTrailingCommas = true, CommentHandling = JsonCommentHandling.Skip }
        );
        var value = JsonSerializer.Serialize(host, ClusterFileJson.Text);
        if (
            !(
                EnterField(ref reader, component)
                && EnterField(ref reader, "replicas")
                && EnterEntry(ref reader, replica)
            )
        )
        {
            throw new ArgumentException(
                string.Create(CultureInfo.InvariantCulture, $"The file has no {component}/{replica}."),
                nameof(replica)
            );
        }

        // Behind the bracket, unless the field is there already.
        var (from, to) = ((int)reader.BytesConsumed, (int)reader.BytesConsumed);
        var isEmpty = true;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            isEmpty = false;
            var isHost = reader.ValueTextEquals(Host);
            reader.Read();
            if (isHost)
            {
                (from, to) = ((int)reader.TokenStartIndex, (int)reader.BytesConsumed);
                return Replaced(value);
            }

            reader.Skip();
        }

        return Replaced($" \"{Host}\": {value}{(isEmpty ? " " : ",")}");

        string Replaced(string with) =>
            Encoding.UTF8.GetString([.. text[..from], .. Encoding.UTF8.GetBytes(with), .. text[to..]]);
    }

    // Reads up to the value of a field of the object that begins next.
    private static bool EnterField(ref Utf8JsonReader reader, string name)
    {
        if (
            reader.TokenType != JsonTokenType.StartObject
            && !(reader.Read() && reader.TokenType == JsonTokenType.StartObject)
        )
        {
            return false;
        }

        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var isWanted = reader.ValueTextEquals(name);
            reader.Read();
            if (isWanted)
            {
                return true;
            }

            reader.Skip();
        }

        return false;
    }

    // Reads up to the bracket that begins an entry of the array that has just begun.
    private static bool EnterEntry(ref Utf8JsonReader reader, int index)
    {
        if (reader.TokenType != JsonTokenType.StartArray)
        {
            return false;
        }

        for (var i = 0; reader.Read() && reader.TokenType == JsonTokenType.StartObject; i++)
        {
            if (i == index)
            {
                return true;
            }

            reader.Skip();
        }

        return false;
    }
}

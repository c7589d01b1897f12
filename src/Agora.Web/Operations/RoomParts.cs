using Agora.Cluster;

namespace Agora.Web.Operations;

/// <summary>The parts of the page that change, each with the component that renders it.</summary>
internal static class RoomParts
{
    /// <summary>The databases, in the order in which the page shows them.</summary>
    public static IReadOnlyList<string> Databases { get; } = [Components.Customers, Components.Products];

    /// <param name="picture">The picture.</param>
    /// <param name="server">The server whose speed is shown; null for all.</param>
    /// <param name="now">Ages are counted up to here.</param>
    public static IEnumerable<(string Id, Type Component, Dictionary<string, object?> Parameters)> Of(
        Picture picture,
        string? server,
        DateTime now
    )
    {
        yield return Make<WellPart>("well");
        foreach (var database in Databases)
        {
            yield return Make<GroupPart>($"group-{database}", (nameof(GroupPart.Database), database));
        }

        yield return Make<SpeedPart>("speed", (nameof(SpeedPart.Server), server));
        yield return Make<EventsPart>("events");
        yield return Make<DemonstrationsPart>("demonstrations");
        foreach (var process in picture.Status.Processes)
        {
            yield return Make<ProcessRow>(ProcessRow.IdOf(process), (nameof(ProcessRow.Process), process));
        }

        foreach (var database in Databases)
        {
            yield return Make<LinksPart>($"links-{database}", (nameof(LinksPart.Database), database));
        }

        if (picture.Lab is not null)
        {
            yield return Make<NetworkPart>("network");
        }

        (string, Type, Dictionary<string, object?>) Make<T>(
            string id,
            params (string Name, object? Value)[] parameters
        ) =>
            (
                id,
                typeof(T),
                parameters
                    .Append((Name: nameof(RoomPart.Picture), Value: picture))
                    .Append((Name: nameof(RoomPart.Now), Value: now))
                    .ToDictionary(p => p.Name, p => p.Value)
            );
    }
}

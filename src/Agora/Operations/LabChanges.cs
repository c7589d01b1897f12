using Agora.Launcher;

namespace Agora.Operations;

/// <summary>Makes changes of the lab's network.</summary>
internal static class LabChanges
{
    /// <summary>Sets loss and delay of every link; what is null stays as it is.</summary>
    public static LabChange Of(double? loss, TimeSpan? delay) =>
        new(loss, delay, null, null, null, null, null, null, null, null);
}

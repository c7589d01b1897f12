using Microsoft.AspNetCore.Components;

namespace Agora.Web.Operations;

/// <summary>What every part of the page shows something of.</summary>
public abstract class RoomPart : ComponentBase
{
    /// <summary>The picture.</summary>
    [Parameter, EditorRequired]
    public Picture Picture { get; set; } = null!;

    /// <summary>Ages are counted up to here, in UTC.</summary>
    [Parameter, EditorRequired]
    public DateTime Now { get; set; }
}

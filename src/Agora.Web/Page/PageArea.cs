namespace Agora.Web.Page;

/// <summary>The part of the pages that a page belongs to.</summary>
public enum PageArea
{
    /// <summary>The shop.</summary>
    Shop,

    /// <summary>The control room.</summary>
    Operations,

    /// <summary>The protocol, to play with.</summary>
    Protocol,
}

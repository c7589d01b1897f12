namespace Agora.Web.Operations;

/// <summary>Whether somebody may act, and why.</summary>
public enum Access
{
    /// <summary>May look only.</summary>
    Look,

    /// <summary>May act: the browser runs on this machine.</summary>
    FromHere,

    /// <summary>May act: the operator's key was entered.</summary>
    WithKey,
}

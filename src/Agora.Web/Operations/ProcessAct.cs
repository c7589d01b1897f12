namespace Agora.Web.Operations;

/// <summary>What an operator can do to a process.</summary>
public enum ProcessAct
{
    /// <summary>
    /// Kill it with kill −9, and leave it dead. The web server is started again, as nobody could start it from here.
    /// </summary>
    Kill,

    /// <summary>Let it end in order, and keep it down.</summary>
    Stop,

    /// <summary>Start it again.</summary>
    Start,

    /// <summary>
    /// Set aside what a database replica has, and start it as a new one that copies the state from the others.
    /// </summary>
    Replace,
}

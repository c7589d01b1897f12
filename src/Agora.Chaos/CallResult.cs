using Agora.Client;

namespace Agora.Chaos;

/// <summary>How a call ended for its client.</summary>
internal enum CallEnd
{
    Done,

    /// <summary>The call was refused, as it had to be.</summary>
    Refused,

    /// <summary>The call failed, and has done nothing.</summary>
    NotDone,

    /// <summary>The call failed, may have happened or may yet, and the client has walked away.</summary>
    Unknown,
}

/// <summary>What a call came to; with a refusal, what the refusal says.</summary>
internal readonly record struct CallResult<T>(CallEnd End, T? Value, string Code, AgoraException? Refusal = null);

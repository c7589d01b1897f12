namespace Agora.Servers;

/// <summary>What a text is used for, which decides what it may hold.</summary>
internal enum TextKind
{
    /// <summary>A name of a person or an item: any script, emoji too.</summary>
    Name,

    /// <summary>Like a name, but in compatibility form.</summary>
    Keyword,

    /// <summary>
    /// Like a keyword, but without any invisible character: two usernames that look alike would be two accounts.
    /// </summary>
    Username,
}

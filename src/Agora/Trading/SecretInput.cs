using System.CommandLine;
using System.Text;

namespace Agora.Trading;

/// <summary>
/// The ways to give a secret: at the keyboard, where it is not shown, or for scripts on standard input or in a file. An
/// option that holds a secret is only for trying things out: other users of the machine can see it.
/// </summary>
internal static class SecretInput
{
    private const int MaxBytes = 65536;

    public static Option<string?> File(string name, string what) =>
        new(name) { Description = $"Reads {what} from this file", HelpName = "FILE" };

    public static Option<bool> StandardInput(string name, string what) =>
        new(name) { Description = $"Reads {what} from standard input" };

    /// <summary>Of these options only one may be given.</summary>
    public static void OnlyOne(Command command, params Option[] options) =>
        command.Validators.Add(result =>
        {
            string[] given = [.. options.Where(o => result.GetResult(o) is { Implicit: false }).Select(o => o.Name)];
            if (given.Length > 1)
            {
                result.AddError($"Give only one of {string.Join(", ", given)}.");
            }
        });

    /// <summary>The lines of a file. It may be a pipe to which nobody writes: Ctrl-C ends the wait for it.</summary>
    public static Task<string[]> ReadAsync(string path, CancellationToken cancellationToken) =>
        Task.Run(() => Read(path), cancellationToken).WaitAsync(cancellationToken);

    private static string[] Read(string path)
    {
        try
        {
            using FileStream file = new(path, FileMode.Open, FileAccess.Read);
            var bytes = new byte[MaxBytes + 1];
            var length = file.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false);
            if (length > MaxBytes)
            {
                throw new IOException($"{path} is too long to hold a secret.");
            }

            var text = new UTF8Encoding(false, throwOnInvalidBytes: true).GetString(bytes, 0, length);
            return text.TrimStart('\ufeff').ReplaceLineEndings("\n").Split('\n');
        }
        catch (UnauthorizedAccessException e)
        {
            var why = Directory.Exists(path) ? "it is a directory" : "you have no right to";
            throw new IOException($"{path} cannot be read: {why}.", e);
        }
        catch (ArgumentException e)
        {
            throw new IOException($"{path} does not hold text in UTF-8.", e);
        }
    }
}

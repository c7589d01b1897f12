using Agora.Launcher;

namespace Agora.Backups;

/// <summary>What has not changed since the last back-up takes no room a second time: it is one file, with two names.
/// </summary>
internal static class UnchangedParts
{
    /// <summary>Puts the files of an older back-up in the place of those that hold the same.</summary>
    /// <param name="work">The back-up that is being made.</param>
    /// <param name="manifest">What it holds.</param>
    /// <param name="newest">The newest of those before; null where there is none.</param>
    /// <returns>What it holds now.</returns>
    public static BackupManifest Link(
        BackupShelf.Work work,
        BackupManifest manifest,
        (string Directory, BackupManifest Manifest)? newest
    )
    {
        if (newest is not { } last)
        {
            return manifest;
        }

        return manifest with
        {
            Customers = Linked(manifest.Customers, last.Manifest.Customers, (now, then) => now.State == then.State),
            Products = Linked(manifest.Products, last.Manifest.Products, (now, then) => now.State == then.State),
            Payments = Linked(manifest.Payments, last.Manifest.Payments, (now, then) => now == then),
        };

        // The older one is checked: what has rotted there must not take the place of what has just come.
        T Linked<T>(T now, T then, Func<T, T, bool> areSame)
            where T : BackupPart
        {
            var name = work[now.File] + ".linked";
            if (
                !areSame(now, then)
                || BackupCheck.FaultOf(last.Directory, then) is not null
                || !Posix.TryLink(Path.Combine(last.Directory, then.File), name)
            )
            {
                return now;
            }

            File.Move(name, work[now.File], overwrite: true);
            return then;
        }
    }
}

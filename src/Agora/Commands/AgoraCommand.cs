using System.CommandLine;
using Agora.Trading;

namespace Agora.Commands;

/// <summary><c>agora</c>, with all commands below it.</summary>
internal static class AgoraCommand
{
    public static RootCommand Create()
    {
        RootCommand root = new("Agora: an online marketplace whose every part is replicated")
        {
            UpCommand.Create(),
            DownCommand.Create(),
            StatusCommand.Create(),
            DoctorCommand.Create(),
            HealthCommand.Create(),
            ProcessCommands.CreateStop(),
            ProcessCommands.CreateKill(),
            ProcessCommands.CreateStart(),
            ReplaceCommand.Create(),
            BackupCommand.Create(),
            RestoreCommand.Create(),
            RunCommand.Create(),
            ClusterCommand.Create(),
            LabCommand.Create(),
            SellerCommand.Create(),
            BuyerCommand.Create(),
            SeedCommand.Create(),
            EvaluateCommand.Create(),
            ChaosCommand.Create(),
        };
        root.Add(Completion.Create(root));
        root.Subcommands.Single(c => c.Name == "cluster")
            .WithExamples("agora cluster init --hosts a,b,c,d", "agora cluster keys --renew");
        root.HelpName = "agora";
        root.WithExamples(
            "agora up                   the whole marketplace, ready to trade",
            "agora seed                 something to buy",
            "agora status               the state of every process",
            "agora COMMAND --help       more about a command, with examples"
        );
        root.WithExitStatus();
        Examples.ShowInHelp(root);
        Completion.AnswerSuggest(root);
        return root;
    }
}

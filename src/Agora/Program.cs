Console.Error.WriteLine("agora: not assembled yet");
return 1;

namespace Agora.Rest;

internal sealed class ItemConditionJson()
    : TwoWordsJson<ItemCondition>((ItemCondition.New, "new"), (ItemCondition.Used, "used"));
